//! What this host needs of a Spin manifest.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// `spin.toml`, version 2.
#[derive(Debug, Deserialize)]
pub struct Manifest {
    spin_manifest_version: u32,
    /// What the operator may set.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// Which component answers which path.
    pub trigger: Triggers,
    /// The components by name.
    pub component: BTreeMap<String, Component>,
}

/// A variable of the application.
#[derive(Debug, Default, Deserialize)]
pub struct Variable {
    /// Whether it must be set.
    #[serde(default)]
    pub required: bool,
    /// Its value where it is not set.
    pub default: Option<String>,
}

/// The triggers by kind.
#[derive(Debug, Deserialize)]
pub struct Triggers {
    /// Those of HTTP.
    pub http: Vec<Trigger>,
}

/// A route and its component.
#[derive(Debug, Deserialize)]
pub struct Trigger {
    /// `/exact`, `/with/:name`, `/prefix/...`.
    pub route: String,
    /// The component's name.
    pub component: String,
}

/// What a component may have of the host.
#[derive(Debug, Default, Deserialize)]
pub struct Component {
    /// Where its requests may go; templates.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// The variables that it may read; templates.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// Its environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest at `path`. Fails when it cannot be read, or when a route names no component.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// The manifest that `text` is.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        if manifest.spin_manifest_version != 2 {
            bail!("spin_manifest_version must be 2");
        }
        for trigger in &manifest.trigger.http {
            if !manifest.component.contains_key(&trigger.component) {
                let Trigger { route, component } = trigger;
                bail!("route {route} names component {component}, which there is not");
            }
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_to_no_component_is_refused() {
        let text = "spin_manifest_version = 2\n\
            [[trigger.http]]\nroute = \"/...\"\ncomponent = \"b\"\n\
            [component.a]\nsource = \"a.wasm\"\n";
        let error = Manifest::parse(text).unwrap_err();
        assert!(error.to_string().contains("component b"), "{error}");
        let manifest = Manifest::parse(&text.replace("\"b\"", "\"a\"")).unwrap();
        assert!(manifest.component["a"].allowed_outbound_hosts.is_empty());
    }
}
