//! The compiler in a process of its own.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Cache, file_name, files, memory_bytes, prefix, warn};
use crate::guests::{Guest, Guests};
use crate::options::ServeOptions;
use crate::runtime::engine;

/// The hidden command that compiles the guests.
pub const COMMAND: &str = "guest-process";

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
