//! What the folders for Kubernetes have in common.

use std::fs;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::files::{Environment, passes, passes_if_there, path, python, text, yaml};

/// A folder of objects, which its kustomization puts together.
pub struct Folder(pub &'static str);

/// An object of somebody else's operator. Its specification refuses fields that the definition
/// lacks, as an API server drops those without a word.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Object<Spec> {
    api_version: String,
    kind: String,
    /// Whose name it is.
    pub metadata: Metadata,
    /// The operator's part.
    pub spec: Spec,
}

/// What all objects have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// The object's name.
    pub name: String,
}

impl Folder {
    /// The path of one of its files in the repository.
    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    /// The object of a file.
    pub fn object(&self, name: &str) -> Value {
        yaml(&self.file(name))
    }

    /// The object of a file, of a kind that its operator defines.
    pub fn typed<Spec: for<'a> Deserialize<'a>>(
        &self,
        name: &str,
        api_version: &str,
        kind: &str,
    ) -> Object<Spec> {
        let object: Object<Spec> = serde_json::from_value(self.object(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(object.api_version, api_version);
        assert_eq!(object.kind, kind);
        object
    }

    /// The name of a ConfigMap or Secret, and what it holds.
    pub fn held(&self, name: &str, field: &str) -> (String, Environment) {
        let object = self.object(name);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        (name, serde_json::from_value(object[field].clone()).unwrap())
    }

    /// The entries of a file that stand in a comment, ready to be set.
    pub fn suggested(&self, name: &str) -> Environment {
        let text = text(&self.file(name));
        let lines = text.lines().map(str::trim_start);
        let entries = lines.filter_map(|line| line.strip_prefix('#')?.split_once(": "));
        entries
            .filter(|(name, _)| !name.contains(' '))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect()
    }

    /// Asserts that the example has nothing to hide, and that what is made of it is not committed.
    ///
    /// # Panics
    /// When it is not so.
    pub fn holds_no_secret(&self) {
        let (_, secret) = self.held("secret.example.yaml", "stringData");
        assert!(secret.values().all(|value| value == "REPLACE-ME"));
        let ignored = text("deploy/.gitignore");
        let made = self.file("secret.yaml").replacen("deploy", "", 1);
        assert!(ignored.lines().any(|line| line == made), "{made}");
    }

    /// Asserts that all that its kustomization names is there, once the secret is made, and gets
    /// into its namespace.
    ///
    /// # Panics
    /// When it is not so.
    pub fn is_applied_as_a_whole(&self) {
        let kustomization = self.object("kustomization.yaml");
        let resources: Vec<String> =
            serde_json::from_value(kustomization["resources"].clone()).unwrap();
        let copy = tempfile::tempdir().unwrap();
        for resource in resources
            .iter()
            .map(String::as_str)
            .chain(["kustomization.yaml"])
        {
            let source = match resource {
                "secret.yaml" => "secret.example.yaml",
                other => other,
            };
            fs::copy(path(&self.file(source)), copy.path().join(resource)).unwrap();
        }
        let namespace = self.namespace();
        assert_eq!(kustomization["namespace"], namespace);
        let built = passes_if_there(Command::new("kubectl").arg("kustomize").arg(copy.path()));
        if let Some(built) = built {
            assert_eq!(
                built.matches("\nkind: ").count(),
                resources.len(),
                "{built}"
            );
            let place = format!("\n  namespace: {namespace}\n");
            let placed = built.matches(&place).count();
            assert_eq!(placed, resources.len() - 1, "{built}");
        }
    }

    /// The namespace that its objects get into.
    pub fn namespace(&self) -> String {
        let namespace = self.object("namespace.yaml");
        namespace["metadata"]["name"].as_str().unwrap().to_owned()
    }
}

/// Asserts that Kubernetes knows every field of its own objects.
///
/// # Panics
/// When it does not; the message names the field.
pub fn are_known(objects: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let write = |(number, object): (usize, &Value)| {
        let file = folder.path().join(format!("{number}.yaml"));
        fs::write(&file, object.to_string()).unwrap();
        file
    };
    let files: Vec<_> = objects.iter().enumerate().map(write).collect();
    let said = passes(python("kubernetes-validate").arg("--strict").args(&files));
    assert_eq!(
        said.matches(" passed for resource ").count(),
        objects.len(),
        "{said}"
    );
}
