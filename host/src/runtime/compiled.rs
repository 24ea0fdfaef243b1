//! Compiled guests, kept on disk between starts and mapped from there: of some thirty megabytes only
//! the pages that are used are resident, and the system may take those back.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use wasmtime::Engine;
use wasmtime::component::Component;

use super::engine;
use crate::guests::{Guest, Guests, Wasm};
use crate::options::ServeOptions;

/// The hidden command that compiles the guests.
pub const COMMAND: &str = "guest-process";

/// Files that another version of Dayfly left are removed after so long.
const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const EXTENSION: &str = "cwasm";

/// Compiles those of the guests that are not in the cache yet in a process of its own, so that what a
/// compiler needs is gone when the server begins. Where that fails, the server compiles them itself.
pub fn compile_apart(options: &ServeOptions, guests: &Guests) {
    let Some(directory) = Cache::open(options.cache.clone()).directory else {
        return;
    };
    let kept = files(&directory);
    let is_kept = |guest: &Guest| {
        let prefix = prefix(guest.name(), guests.component(*guest));
        kept.iter().any(|path| file_name(path).starts_with(&prefix))
    };
    if Guest::ALL.iter().all(is_kept) {
        return;
    }
    tracing::info!("compiling the guests, which takes some seconds and is done once");
    let status = std::env::current_exe().and_then(|binary| {
        Command::new(binary)
            .arg(COMMAND)
            .arg(&directory)
            .arg(memory_bytes(options).to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
    });
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => warn(&directory, &status),
        Err(error) => warn(&directory, &error),
    }
}

/// What [`compile_apart`] starts: fills the cache in `directory` for instances of `memory_bytes`.
///
/// # Errors
///
/// A guest that does not compile.
pub fn run(directory: PathBuf, memory_bytes: usize) -> anyhow::Result<()> {
    let engine = engine::build(1, memory_bytes)?;
    let guests = Guests::built_in();
    let cache = Cache::open(Some(directory));
    for guest in Guest::ALL {
        let wasm = guests.component(guest);
        cache
            .component(&engine, guest.name(), wasm)
            .map_err(engine::plain)?;
    }
    Ok(())
}

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
    /// The cache in `directory`, by default the user's. Where it cannot be used every start compiles
    /// the guests anew, which takes longer, and keeps all of them in memory.
    pub fn open(directory: Option<PathBuf>) -> Self {
        let directory = directory.or_else(user_cache).filter(|directory| {
            let made = fs::create_dir_all(directory);
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
        if let Some(component) = kept.find(engine) {
            return Ok(component);
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

    /// The component of the first file that is whole and can be loaded. Others are removed.
    fn find(&self, engine: &Engine) -> Option<Component> {
        let of_it = |path: &PathBuf| file_name(path).starts_with(&self.prefix);
        for path in files(self.directory).into_iter().filter(of_it) {
            match self.is_whole(&path) {
                Ok(true) => match load(engine, &path) {
                    Ok(component) => return Some(component),
                    Err(error) => warn(&path, &error),
                },
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
    // changes it: it is written under another name, and replaced or removed as a whole. Who can write
    // into the user's cache folder can run code as that user anyway.
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
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn loads(engine: &Engine, directory: &Path) -> bool {
        let cache = Cache::open(Some(directory.to_owned()));
        let wasm = Wasm::from(EMPTY.to_vec());
        cache.component(engine, "empty", &wasm).is_ok()
    }

    #[test]
    fn what_is_kept_is_loaded_and_what_is_damaged_is_compiled_again() {
        let directory = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        assert!(loads(&engine, directory.path()));
        let [kept] = &files(directory.path())[..] else {
            panic!("not one file is kept");
        };
        let whole = fs::read(kept).unwrap();
        let written = fs::metadata(kept).unwrap().modified().unwrap();
        assert!(loads(&engine, directory.path()));
        assert_eq!(fs::metadata(kept).unwrap().modified().unwrap(), written);
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for damaged in [&whole[..whole.len() / 2], &[], &flipped] {
            fs::write(kept, damaged).unwrap();
            assert!(loads(&engine, directory.path()));
            assert!(fs::read(kept).unwrap() == whole, "it is not as it was");
        }
    }

    #[test]
    fn without_a_place_for_them_guests_are_compiled_all_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("no folder");
        fs::write(&file, "").unwrap();
        assert!(loads(&Engine::default(), &file));
    }

    #[test]
    fn what_other_versions_left_goes_after_a_month() {
        let directory = tempfile::tempdir().unwrap();
        let named = |name: &str| directory.path().join(name);
        for (name, age) in [("a.cwasm", KEPT * 2), ("b.cwasm", KEPT / 2)] {
            let file = File::create(named(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        assert!(loads(&Engine::default(), directory.path()));
        assert!(!named("a.cwasm").exists());
        assert!(named("b.cwasm").exists());
    }
}
