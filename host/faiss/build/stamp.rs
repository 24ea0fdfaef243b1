//! Whether what an earlier run has compiled still holds.
//!
//! Cargo runs the build again for reasons that have nothing to do with C++, such as a changed
//! manifest of the workspace, and FAISS's files take minutes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sources::Sources;
use crate::tools::Failure;

/// A file that says from what something was compiled.
pub struct Stamp {
    path: PathBuf,
    text: String,
}

impl Stamp {
    /// The stamp for `files` as they would be compiled now.
    pub fn new(path: &Path, build: &cc::Build, files: &[&str], sources: &Sources) -> Self {
        let compiler = build.get_compiler();
        let mut version = compiler.to_command();
        let version = version
            .arg("--version")
            .output()
            .map(|output| output.stdout);
        Self {
            path: path.to_owned(),
            text: format!(
                "{}\n{}\n{:?} {:?}\n{}\n",
                sources.root.display(),
                files.join("\n"),
                compiler.path(),
                compiler.args(),
                String::from_utf8_lossy(&version.unwrap_or_default()),
            ),
        }
    }

    /// Whether the last thing compiled was compiled from the same.
    pub fn is_valid(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == self.text)
    }

    /// Before compiling.
    pub fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// After compiling.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self) -> Result<(), Failure> {
        fs::write(&self.path, &self.text)
            .map_err(|e| Failure(format!("{}: {e}", self.path.display())))
    }
}
