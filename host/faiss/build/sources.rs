//! FAISS's sources, which are in the package faiss-sys. That package's own build compiles them with
//! CMake, for one kind of machine, and beside them a C interface that nobody here calls.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools::Failure;
use crate::variable;

const PACKAGE: &str = "faiss-sys";

/// The sources, and what their own build says of them.
pub struct Sources {
    /// What `#include <faiss/…>` starts from.
    pub root: PathBuf,
    /// Every file of the library, below `root`'s folder `faiss`.
    pub files: Vec<String>,
}

impl Sources {
    /// Finds them.
    ///
    /// # Errors
    /// When the package is not there, or is of another version than `version`.
    pub fn find(version: &str) -> Result<Self, Failure> {
        let root = package()?.join("faiss");
        let project = read(&root.join("CMakeLists.txt"))?;
        let found = project
            .split_once("project(faiss")
            .and_then(|(_, rest)| rest.split_whitespace().nth(1))
            .unwrap_or("no version");
        if found != version {
            return Err(Failure(format!(
                "FAISS is of version {found}; go through host/faiss/build/variants.rs, which is \
                 for {version}"
            )));
        }
        let library = read(&root.join("faiss/CMakeLists.txt"))?;
        let listed = library.split("add_library(").next().unwrap_or_default();
        let files: Vec<String> = listed
            .split(|c: char| c.is_whitespace() || c == ')')
            .filter(|word| word.ends_with(".cpp"))
            .map(str::to_owned)
            .collect();
        match files.is_empty() {
            true => Err(Failure(format!(
                "{} lists no sources",
                root.join("faiss/CMakeLists.txt").display()
            ))),
            false => Ok(Self { root, files }),
        }
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// The folder that cargo keeps the package in, which only cargo knows.
fn package() -> Result<PathBuf, Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--filter-platform"])
        .arg(variable("TARGET")?)
        .current_dir(variable("CARGO_MANIFEST_DIR")?)
        .output()
        .map_err(|error| Failure(format!("cargo metadata: {error}")))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("cargo metadata: {text}")));
    }
    let unreadable = |error| Failure(format!("cargo metadata: {error}"));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(unreadable)?;
    let packages = metadata["packages"].as_array();
    let manifest = packages
        .into_iter()
        .flatten()
        .find(|package| package["name"] == PACKAGE)
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or_else(|| Failure(format!("cargo metadata knows no package {PACKAGE}")))?;
    Ok(Path::new(manifest)
        .parent()
        .map(Path::to_owned)
        .unwrap_or_default())
}
