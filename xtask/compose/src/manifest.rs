//! What composing needs of a Spin manifest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// A component and what it is composed with.
#[derive(Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name in the manifest.
    pub name: String,
    /// Where it was built.
    pub source: PathBuf,
    /// What serves its imports.
    pub dependencies: Vec<Dependency>,
}

/// A component that serves imports of another.
#[derive(Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Which imports: `package`, `package@version`, `package/interface` or
    /// `package/interface@version`.
    pub name: String,
    /// Where it was built.
    pub source: PathBuf,
}

/// The components of the manifest at `path`, by name; sources are relative to its folder.
/// Fails when the manifest cannot be read, or asks for what this cannot compose.
pub fn read(path: &Path) -> anyhow::Result<Vec<Component>> {
    let shown = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(shown)?;
    let manifest: Manifest = toml::from_str(&text).with_context(shown)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let components = manifest.component.into_iter();
    components
        .map(|(name, entry)| entry.resolve(&name, folder).with_context(shown))
        .collect()
}

#[derive(Deserialize)]
struct Manifest {
    component: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    source: PathBuf,
    #[serde(default)]
    dependencies: BTreeMap<String, Local>,
    #[serde(default)]
    dependencies_inherit_configuration: bool,
}

/// A registry's dependency, or one that inherits a part, is none of these and refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Local {
    path: PathBuf,
}

impl Entry {
    fn resolve(self, name: &str, folder: &Path) -> anyhow::Result<Component> {
        if !self.dependencies.is_empty() && !self.dependencies_inherit_configuration {
            bail!(
                "the dependencies of component `{name}` would have neither network nor variables: \
                 set dependencies_inherit_configuration = true"
            );
        }
        let dependencies = self.dependencies.into_iter();
        Ok(Component {
            name: name.to_owned(),
            source: folder.join(self.source),
            dependencies: dependencies
                .map(|(name, Local { path })| Dependency {
                    name,
                    source: folder.join(path),
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> anyhow::Result<Vec<Component>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn the_repositorys_manifest_has_three_components_with_the_platform() {
        let components = read(&crate::root().join("spin.toml")).unwrap();
        let names: Vec<_> = components.iter().map(|each| each.name.as_str()).collect();
        assert_eq!(names, ["ingest", "search", "stores"]);
        for component in &components {
            let [platform] = component.dependencies.as_slice() else {
                panic!("{component:?}");
            };
            assert_eq!(platform.name, "dayfly:platform@0.1.0");
        }
    }

    #[test]
    fn a_dependency_that_inherits_nothing_is_refused() {
        let refused = read_text(
            "[component.a]\nsource = \"a.wasm\"\n[component.a.dependencies]\n\"b:c\" = { path = \"b.wasm\" }\n",
        );
        let text = format!("{:#}", refused.unwrap_err());
        assert!(
            text.contains("dependencies_inherit_configuration = true"),
            "{text}"
        );
    }

    #[test]
    fn a_dependency_from_a_registry_is_refused() {
        let refused = read_text(
            "[component.a]\nsource = \"a.wasm\"\ndependencies_inherit_configuration = true\n\
             [component.a.dependencies]\n\"b:c\" = { version = \"1\", registry = \"r\" }\n",
        );
        assert!(refused.is_err());
    }
}
