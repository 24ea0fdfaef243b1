//! Inputs to begin with.

use std::fs;
use std::io;
use std::path::Path;

use crate::Target;

/// An input to begin with, and its file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// What is special about it.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

impl Seed {
    /// Of bytes or a text.
    pub fn new(name: impl Into<String>, bytes: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.as_ref().to_vec(),
        }
    }
}

/// Writes these targets' seeds, each target's into a folder of its own below `folder`. What else is
/// there stays: inputs that broke a promise once.
pub fn write(targets: &[Target], folder: &Path) -> io::Result<()> {
    for target in targets {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for seed in (target.seeds)() {
            fs::write(folder.join(&seed.name), &seed.bytes)?;
        }
    }
    Ok(())
}
