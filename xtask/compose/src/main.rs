//! Composes the guests with the platform that they need on hosts which lack it: for hosts that
//! load one component and know no dependencies, and to look at the result.
//!
//! A program of its own, so that whoever only serves need not build what it is made of;
//! `cargo xtask compose` runs it.

mod graph;
mod manifest;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use graph::{Named, serve};
use manifest::Component;

/// The component that serves variables from the environment.
const ENV_VARIABLES: &str = "dayfly_env_variables";
/// What it serves, by package.
const VARIABLES: &str = "fermyon:spin@2.0.0";

/// Without an argument, composes the application; with the name of a built component, composes
/// that in the place of each of the application's.
fn main() -> ExitCode {
    let composed = match std::env::args().nth(1) {
        None => application(),
        Some(guest) => in_place_of_all(&guest),
    };
    match composed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Composes the components of the repository's manifest into `target/composed/{name}.wasm`, and
/// into `target/composed/env/{name}.wasm` with variables that come from the environment.
fn application() -> anyhow::Result<()> {
    let out = target().join("composed");
    let variables = load(&guest(ENV_VARIABLES), VARIABLES)?;
    for component in manifest::read(&manifest_path())? {
        let composed = with_dependencies(&component)?;
        write(&out, &component.name, &composed.bytes)?;
        let alone = serve(&composed, std::slice::from_ref(&variables))?;
        write(&out.join("env"), &component.name, &alone)?;
    }
    Ok(())
}

/// Composes `name` in the place of every component of the repository's manifest, each with that
/// component's dependencies, into `target/composed/{name}/`.
fn in_place_of_all(name: &str) -> anyhow::Result<()> {
    let out = target().join("composed").join(name);
    for mut component in manifest::read(&manifest_path())? {
        component.source = guest(name);
        let composed = with_dependencies(&component)?;
        write(&out, &component.name, &composed.bytes)?;
    }
    Ok(())
}

fn with_dependencies(component: &Component) -> anyhow::Result<Named> {
    let own = load(&built(&component.source), &component.name)?;
    if component.dependencies.is_empty() {
        return Ok(own);
    }
    let dependencies = component
        .dependencies
        .iter()
        .map(|dependency| load(&built(&dependency.source), &dependency.name))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let bytes = serve(&own, &dependencies)?;
    Ok(Named { bytes, ..own })
}

fn load(path: &Path, name: &str) -> anyhow::Result<Named> {
    let bytes = fs::read(path).with_context(|| {
        format!(
            "`{name}` is not at {}; `cargo xtask compose` builds it first",
            path.display()
        )
    })?;
    Ok(Named {
        name: name.to_owned(),
        bytes,
    })
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(name).with_extension("wasm");
    let partial = path.with_extension("partial");
    // By renaming, so that a host that starts now sees a whole one.
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&partial, bytes))
        .and_then(|()| fs::rename(&partial, &path))
        .with_context(|| path.display().to_string())
}

/// Cargo may have been told to build elsewhere than the manifest says.
fn built(source: &Path) -> PathBuf {
    match source.strip_prefix(root().join("target")) {
        Ok(below) => target().join(below),
        Err(_) => source.to_path_buf(),
    }
}

fn guest(name: &str) -> PathBuf {
    let folder = target().join("guests/wasm32-wasip2/release");
    folder.join(name).with_extension("wasm")
}

fn manifest_path() -> PathBuf {
    root().join("spin.toml")
}

/// Cargo's target directory.
fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(folder)
}

/// The repository's root.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_is_not_built_says_what_builds_it() {
        let missing = load(Path::new("no/such.wasm"), "stores").err().unwrap();
        assert!(
            format!("{missing:#}").contains("cargo xtask compose"),
            "{missing:#}"
        );
    }
}
