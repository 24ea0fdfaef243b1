//! The libraries that FAISS needs, all linked statically.

use std::path::{Path, PathBuf};

use crate::tools::Failure;

/// Names the libraries to cargo.
///
/// # Errors
/// When one of them is not there; the text says which package has it.
pub fn link() -> Result<(), Failure> {
    // Each may need the next ones.
    link_static("openblas", "libopenblas-openmp-dev", &blas_folders())?;
    link_static("gomp", "g++", &[])?;
    link_static("stdc++", "g++", &[])?;
    println!("cargo::rustc-link-lib=m");
    Ok(())
}

fn link_static(name: &str, package: &str, folders: &[PathBuf]) -> Result<(), Failure> {
    let file = format!("lib{name}.a");
    let beside_compiler = folder_by_compiler(&file);
    let folder = folders
        .iter()
        .chain(&beside_compiler)
        .find(|folder| folder.join(&file).is_file())
        .ok_or_else(|| Failure(format!("no {file}; on Debian: apt-get install {package}")))?;
    println!("cargo::rustc-link-search=native={}", folder.display());
    println!("cargo::rustc-link-lib=static:-bundle={name}");
    Ok(())
}

/// Where Debian has the OpenBLAS that has no threads of its own: those of the other packages
/// start some for every processor.
fn blas_folders() -> Vec<PathBuf> {
    let triplet = output(&["-print-multiarch"]).unwrap_or_default();
    vec![
        Path::new("/usr/lib").join(triplet).join("openblas-openmp"),
        PathBuf::from("/usr/lib/openblas-openmp"),
    ]
}

fn folder_by_compiler(file: &str) -> Option<PathBuf> {
    let path = output(&[&format!("-print-file-name={file}")])?;
    Path::new(&path).parent().map(Path::to_owned)
}

fn output(arguments: &[&str]) -> Option<String> {
    let compiler = cc::Build::new().cargo_metadata(false).get_compiler();
    let output = compiler.to_command().args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}
