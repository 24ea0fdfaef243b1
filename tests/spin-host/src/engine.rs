//! wasmtime, and what components may import.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use wasmtime::component::{HasSelf, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine};

use crate::state::{State, VariablesWorld};

/// Also the longest that an instance computes before others get their turn.
const TICK: Duration = Duration::from_millis(5);

/// An engine that keeps compiled components in `cache`, and whose instances give way every tick.
pub fn build(cache: &Path) -> anyhow::Result<Engine> {
    let mut kept = CacheConfig::new();
    kept.with_directory(std::path::absolute(cache)?);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        // WASI 0.2 has no concurrent tasks.
        .concurrency_support(false)
        .cache(Some(Cache::new(kept).map_err(plain)?));
    let engine = Engine::new(&config).map_err(plain)?;
    let weak = engine.weak();
    thread::Builder::new().name("epoch".into()).spawn(move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })?;
    Ok(engine)
}

/// Lets one host compile the components of `folder` at a time, while the file lives: the others
/// find them compiled.
pub fn turn_to_compile(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("compiled.lock");
    let lock = File::create(&path).and_then(|file| file.lock().map(|()| file));
    lock.with_context(|| path.display().to_string())
}

/// WASI 0.2 with HTTP, and Spin's variables.
pub fn link(engine: &Engine) -> anyhow::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)
        .and_then(|()| wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker))
        .and_then(|()| {
            VariablesWorld::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)
        })
        .map_err(plain)
        .context("the host's functions do not link")?;
    Ok(linker)
}

/// Keeps the chain of causes, which is all that is ever shown.
pub fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow::anyhow!("{error:#}")
}
