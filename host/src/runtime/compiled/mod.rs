//! Compiled guests, kept on disk between starts and mapped from there: of some thirty megabytes only
//! the pages that are used are resident, and the system may take those back.

mod apart;

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::guests::Wasm;
use crate::options::ServeOptions;

pub use apart::{COMMAND, compile_apart, run};

/// Files that another version of Dayfly left are removed after so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const EXTENSION: &str = "cwasm";

/// The most linear memory of an instance.
pub(super) fn memory_bytes(options: &ServeOptions) -> usize {
    let memory_mib = options.limits.memory_mib.max(options.jobs.memory_mib);
    (memory_mib as usize) << 20
}

/// A folder of compiled guests, or none where there is no place for one.
pub struct Cache {
    directory: Option<PathBuf>,
}

impl Cache {
    /// The cache in `directory`, by default the user's. Where it cannot be used, also because others
    /// could put code into it, every start compiles the guests anew, which takes longer, and keeps all
    /// of them in memory.
    pub fn open(directory: Option<PathBuf>) -> Self {
        let directory = directory.or_else(user_cache).filter(|directory| {
            let made = fs::create_dir_all(directory).and_then(|()| ensure_own(directory));
            made.inspect_err(|error| warn(directory, error)).is_ok()
        });
        Self { directory }
    }

    /// The component of these bytes, from the cache or compiled for it.
    ///
    /// # Errors
    ///
    /// The bytes are no component that this engine can run.
    pub fn component(
        &self,
        engine: &Engine,
        name: &str,
        wasm: &Wasm,
    ) -> wasmtime::Result<Component> {
        let Some(directory) = &self.directory else {
            return Component::new(engine, &**wasm);
        };
        let kept = Kept::new(directory, engine, name, wasm);
        match kept.find(engine) {
            Some(Ok(component)) => return Ok(component),
            // It is what this engine makes: a file system that lets nothing be executed, for one.
            Some(Err(error)) => {
                warn(directory, &error);
                return Component::new(engine, &**wasm);
            }
            None => {}
        }
        let compiled = engine.precompile_component(wasm)?;
        let stored = kept.store(&compiled);
        drop(compiled);
        match stored {
            Ok(path) => match load(engine, &path) {
                Ok(component) => return Ok(component),
                Err(error) => warn(directory, &error),
            },
            Err(error) => warn(directory, &error),
        }
        Component::new(engine, &**wasm)
    }
}

/// Fails where others than this user and root can write into the folder.
fn ensure_own(directory: &Path) -> io::Result<()> {
    let found = fs::metadata(directory)?;
    let is_owned = [0, geteuid().as_raw()].contains(&found.uid());
    match is_owned && found.mode() & 0o002 == 0 {
        true => Ok(()),
        false => Err(io::Error::other(
            "other users can write there; name a folder of your own with --cache",
        )),
    }
}

fn warn(directory: &Path, error: &dyn std::fmt::Display) {
    tracing::warn!(directory = %directory.display(), %error, "compiled guests are not kept");
}

fn user_cache() -> Option<PathBuf> {
    let named = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("dayfly").join("guests"))
}

/// What the names of a guest's files begin with, whichever compiler made them.
fn prefix(name: &str, wasm: &Wasm) -> String {
    format!("{name}-{:.16}-", wasm.sha256())
}

/// A guest's files in the cache: `{name}-{SHA-256 of what}-{compiler}-{SHA-256 of the file}.cwasm`.
struct Kept<'a> {
    directory: &'a Path,
    prefix: String,
}

impl<'a> Kept<'a> {
    fn new(directory: &'a Path, engine: &Engine, name: &str, wasm: &Wasm) -> Self {
        // Wasmtime refuses what another version or another processor's compiler made; this only keeps
        // those apart.
        let mut compiler = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut compiler);
        Self {
            directory,
            prefix: format!("{}{:016x}-", prefix(name, wasm), compiler.finish()),
        }
    }

    /// The component of the first file that is whole. Damaged ones are removed.
    fn find(&self, engine: &Engine) -> Option<wasmtime::Result<Component>> {
        let of_it = |path: &PathBuf| file_name(path).starts_with(&self.prefix);
        for path in files(self.directory).into_iter().filter(of_it) {
            match self.is_whole(&path) {
                Ok(true) => return Some(load(engine, &path)),
                Ok(false) => warn(&path, &"it was damaged"),
                Err(error) => warn(&path, &error),
            }
            let _ = fs::remove_file(&path);
        }
        None
    }

    fn is_whole(&self, path: &Path) -> io::Result<bool> {
        let mut digest = Sha256::new();
        io::copy(&mut File::open(path)?, &mut digest)?;
        Ok(file_name(path) == self.file_name(&format!("{:x}", digest.finalize())))
    }

    fn file_name(&self, sha256: &str) -> String {
        format!("{}{sha256}.{EXTENSION}", self.prefix)
    }

    /// Writes a file that is there as a whole or not at all.
    fn store(&self, compiled: &[u8]) -> io::Result<PathBuf> {
        remove_old(self.directory);
        let sha256 = format!("{:x}", Sha256::digest(compiled));
        let path = self.directory.join(self.file_name(&sha256));
        let mut file = NamedTempFile::new_in(self.directory)?;
        file.write_all(compiled)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }
}

/// Maps a file of compiled code.
#[expect(
    unsafe_code,
    reason = "the one way to have compiled code in pages that the system can take back: wasmtime's \
              cache reads all of it into memory"
)]
fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file is what `precompile_component` made, as its name tells by its digest, and nobody
    // changes it: it is written under another name, and removed as a whole. Only this user and root
    // can write into its folder, and both can run code as this user anyway.
    unsafe { Component::deserialize_file(engine, path) }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let is_compiled = |path: &PathBuf| path.extension().is_some_and(|end| end == EXTENSION);
    paths.filter(is_compiled).collect()
}

fn remove_old(directory: &Path) {
    let is_old = |path: &PathBuf| {
        let written = fs::metadata(path).and_then(|meta| meta.modified()).ok();
        written
            .and_then(|written| SystemTime::now().duration_since(written).ok())
            .is_some_and(|age| age > KEPT)
    };
    for path in files(directory).into_iter().filter(is_old) {
        let _ = fs::remove_file(path);
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
