//! A component with its dependencies, composed as Spin does when it loads them.
//!
//! The rules are those of Spin 4.1's `spin-compose`, with the same library: a dependency is named
//! by the package, or the interface, that it serves; one instance of it serves all the imports
//! that its name matches; what is left over of both is imported from the host.

use anyhow::{Context as _, anyhow, bail};
use wac_graph::types::{Package, WorldId};
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

/// A component in memory.
pub struct Named {
    /// What to call it in messages; of a dependency, which imports it serves: `package`,
    /// `package@version`, `package/interface` or `package/interface@version`.
    pub name: String,
    /// The component.
    pub bytes: Vec<u8>,
}

/// `component` with the imports that its dependencies' names match served by them. Exports all
/// that `component` exports and nothing of the dependencies. Fails where they do not fit each
/// other; the text says what to do.
pub fn serve(component: &Named, dependencies: &[Named]) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let (world, instance) = instantiate(&mut graph, component)?;
    let imports = names(graph.types()[world].imports.keys());
    for dependency in dependencies {
        let mut matched = imports
            .iter()
            .filter(|import| matches(&dependency.name, import))
            .peekable();
        if matched.peek().is_none() {
            bail!(
                "`{}` imports nothing that its dependency `{}` could serve: take the dependency \
                 out of spin.toml, or use it",
                component.name,
                dependency.name
            );
        }
        let (offers, server) = instantiate(&mut graph, dependency)?;
        for import in matched {
            is_exported(&graph, offers, import, dependency, component)?;
            connect(&mut graph, server, instance, import).with_context(|| {
                format!(
                    "`{}` cannot serve `{import}` to `{}`",
                    dependency.name, component.name
                )
            })?;
        }
    }
    export_all(&mut graph, world, instance)
        .and_then(|()| Ok(graph.encode(EncodeOptions::default())?))
        .with_context(|| format!("`{}` cannot be composed", component.name))
}

fn instantiate(
    graph: &mut CompositionGraph,
    component: &Named,
) -> anyhow::Result<(WorldId, NodeId)> {
    let Named { name, bytes } = component;
    let package = Package::from_bytes(name, None, bytes.clone(), graph.types_mut())
        .map_err(|error| anyhow!("`{name}` is no component: {error:#}"))?;
    let world = package.ty();
    let package = graph.register_package(package)?;
    Ok((world, graph.instantiate(package)))
}

fn is_exported(
    graph: &CompositionGraph,
    offers: WorldId,
    import: &str,
    dependency: &Named,
    component: &Named,
) -> anyhow::Result<()> {
    let exports = &graph.types()[offers].exports;
    if exports.contains_key(import) {
        return Ok(());
    }
    let all = match exports.is_empty() {
        true => "nothing".to_owned(),
        false => names(exports.keys()).join(", "),
    };
    bail!(
        "`{}` imports `{import}`, which its dependency `{}` does not export; it exports {all}",
        component.name,
        dependency.name
    )
}

fn connect(
    graph: &mut CompositionGraph,
    from: NodeId,
    to: NodeId,
    name: &str,
) -> anyhow::Result<()> {
    let export = graph.alias_instance_export(from, name)?;
    graph
        .set_instantiation_argument(to, name, export)
        .context("build both from one revision, and let one dependency serve it")
}

fn export_all(
    graph: &mut CompositionGraph,
    world: WorldId,
    instance: NodeId,
) -> anyhow::Result<()> {
    for name in names(graph.types()[world].exports.keys()) {
        let export = graph.alias_instance_export(instance, &name)?;
        graph.export(export, &name)?;
    }
    Ok(())
}

fn names<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<String> {
    keys.cloned().collect()
}

/// Whether a dependency of this name serves `import`: where the name says nothing of interface or
/// version, any will do.
fn matches(dependency: &str, import: &str) -> bool {
    let (package, interface, version) = parts(dependency);
    let (its_package, its_interface, its_version) = parts(import);
    package == its_package
        && (interface.is_none() || interface == its_interface)
        && (version.is_none() || version == its_version)
}

/// `package/interface@version`.
fn parts(name: &str) -> (&str, Option<&str>, Option<&str>) {
    let (path, version) = match name.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (name, None),
    };
    match path.split_once('/') {
        Some((package, interface)) => (package, Some(interface), version),
        None => (path, None, version),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, wat: &str) -> Named {
        Named {
            name: name.to_owned(),
            bytes: wat::parse_str(wat).unwrap(),
        }
    }

    /// Imports two interfaces of one package and one of the host, and exports its own.
    fn guest() -> Named {
        named(
            "guest",
            r#"(component
                (import "a:b/one@0.1.0" (instance $one (export "f" (func (result u32)))))
                (import "a:b/two@0.1.0" (instance (export "g" (func (result u32)))))
                (import "host:h/x@1.0.0" (instance (export "f" (func))))
                (alias export $one "f" (func $f))
                (instance $own (export "run" (func $f)))
                (export "own:guest/run@0.1.0" (instance $own)))"#,
        )
    }

    /// Exports `one` and, where `two` is its type, `two`.
    fn server(two: Option<&str>) -> Named {
        let two = two.map_or_else(String::new, |result| {
            format!(
                r#"(func $g (result {result}) (canon lift (core func $m "f")))
                   (instance $two (export "g" (func $g)))
                   (export "a:b/two@0.1.0" (instance $two))"#
            )
        });
        named(
            "a:b@0.1.0",
            &format!(
                r#"(component
                    (import "host:h/y@1.0.0" (instance (export "f" (func))))
                    (core module $c (func (export "f") (result i32) i32.const 7))
                    (core instance $m (instantiate $c))
                    (func $f (result u32) (canon lift (core func $m "f")))
                    (instance $one (export "f" (func $f)))
                    (export "a:b/one@0.1.0" (instance $one))
                    {two})"#
            ),
        )
    }

    fn world(bytes: Vec<u8>) -> (Vec<String>, Vec<String>) {
        let mut graph = CompositionGraph::new();
        let package = Package::from_bytes("x", None, bytes, graph.types_mut()).unwrap();
        let world = &graph.types()[package.ty()];
        (names(world.imports.keys()), names(world.exports.keys()))
    }

    #[test]
    fn the_dependency_serves_its_interfaces_and_the_rest_is_left_to_the_host() {
        let composed = serve(&guest(), &[server(Some("u32"))]).unwrap();
        let (mut imports, exports) = world(composed);
        imports.sort();
        assert_eq!(imports, ["host:h/x@1.0.0", "host:h/y@1.0.0"]);
        assert_eq!(exports, ["own:guest/run@0.1.0"]);
    }

    #[test]
    fn a_missing_export_is_named() {
        let error = serve(&guest(), &[server(None)]).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("`guest` imports `a:b/two@0.1.0`"), "{text}");
        assert!(text.contains("it exports a:b/one@0.1.0"), "{text}");
    }

    #[test]
    fn an_export_of_another_type_is_refused() {
        let error = serve(&guest(), &[server(Some("s32"))]).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("build both from one revision"), "{text}");
    }

    #[test]
    fn two_servers_of_one_import_are_refused() {
        let mut other = server(Some("u32"));
        other.name = "a:b/two".to_owned();
        let error = serve(&guest(), &[server(Some("u32")), other]).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("cannot serve `a:b/two@0.1.0`"), "{text}");
    }

    #[test]
    fn a_dependency_that_serves_nothing_is_refused() {
        let mut other = server(Some("u32"));
        other.name = "a:c@0.1.0".to_owned();
        assert!(serve(&guest(), &[other]).is_err());
    }

    #[test]
    fn names_match_as_widely_as_they_are_written() {
        for (name, import) in [
            ("a:b/c@0.1.0", "a:b/c@0.1.0"),
            ("a:b/c", "a:b/c@0.1.0"),
            ("a:b", "a:b/c@0.1.0"),
            ("a:b@0.1.0", "a:b/c@0.1.0"),
            ("plain", "plain"),
        ] {
            assert!(matches(name, import), "{name} {import}");
        }
        for (name, import) in [
            ("a:b/c@0.1.0", "a:b/c"),
            ("a:b/c@0.1.0", "a:b/c@0.2.0"),
            ("a:b/c", "a:b/d@0.1.0"),
            ("a:b", "a:bc/d@0.1.0"),
            ("plain", "other"),
        ] {
            assert!(!matches(name, import), "{name} {import}");
        }
    }
}
