//! Runs guests: one fresh instance for one request, within limits.

mod body;
pub mod compiled;
mod engine;
mod limits;
mod log;
mod metered;
mod outbound;
mod room;
mod run;
mod state;

use std::sync::Arc;

use anyhow::Context as _;
use http::{Request, Response};
use thiserror::Error;
use tokio::sync::oneshot;
use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

pub use body::{Broken, Guarded};
pub use limits::InstanceLimits;
pub use outbound::{Destination, tokens};
pub use room::{Charged, Held, Room};
pub use state::State;

use crate::guests::{Guest, Guests};
use crate::metrics::{Metrics, Outcome};
use crate::options::ServeOptions;
use crate::platform::{HasPlatform, Imports, Instance};
use crate::turns::{Place, Turns};
use compiled::Cache;
use engine::{Ticker, plain};

/// The compiled guests and what their instances share.
pub struct Runtime {
    guests: Vec<ProxyPre<State>>,
    ticker: Ticker,
    destination: Arc<Destination>,
    metrics: Arc<Metrics>,
    processors: Arc<Turns>,
}

/// One request to one guest.
pub struct Call {
    /// Which guest.
    pub guest: Guest,
    /// The request; its authority or `host` header is needed.
    pub request: Request<WasiBody>,
    /// The largest body, in bytes.
    pub body_limit: u64,
    /// Names the request in logs.
    pub request_id: Arc<str>,
    /// What the instance may use.
    pub limits: InstanceLimits,
    /// The instance's side of the platform.
    pub platform: Instance,
    /// Given back when the instance ends.
    pub permit: Option<Place>,
}

/// A response whose head is there, and whose body may still be under way.
pub struct Reply {
    /// Its body fails when the instance dies before the end.
    pub response: Response<Guarded>,
    /// How the instance ends, which may be long after the response.
    pub end: oneshot::Receiver<Option<Death>>,
}

/// Why an instance ended otherwise than by itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Death {
    /// It needed more memory than allowed.
    #[error("memory limit exceeded")]
    Memory,
    /// It needed more CPU time than allowed.
    #[error("CPU limit exceeded")]
    Cpu,
    /// It lived longer than allowed.
    #[error("time limit exceeded")]
    Wall,
    /// It trapped, or ended without a response.
    #[error("the guest failed: {0}")]
    Trap(String),
    /// The request's body is larger than allowed.
    #[error("the request's body is too large")]
    TooLarge,
}

impl Death {
    /// What the metrics call it.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Memory => Outcome::Memory,
            Self::Cpu => Outcome::Cpu,
            Self::Wall => Outcome::Wall,
            Self::Trap(_) => Outcome::Trap,
            Self::TooLarge => Outcome::TooLarge,
        }
    }
}

impl Runtime {
    /// Compiles the guests, or takes them from the cache. Takes seconds of CPU time the first time.
    pub fn new(
        options: &ServeOptions,
        guests: &Guests,
        destination: Destination,
        metrics: Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let slots = options
            .limits
            .instances
            .saturating_add(options.jobs.instances())
            .max(1);
        let engine = engine::build(slots, compiled::memory_bytes(options))?;
        let cache = Cache::open(options.cache.clone());
        let linker = link(&engine)
            .map_err(plain)
            .context("the host's functions do not link")?;
        let mut compiled = Vec::with_capacity(Guest::ALL.len());
        for guest in Guest::ALL {
            let name = guest.name();
            let component = cache
                .component(&engine, name, guests.component(guest))
                .map_err(plain)
                .with_context(|| format!("the guest `{name}` cannot be compiled"))?;
            let ready = linker.instantiate_pre(&component).and_then(ProxyPre::new);
            compiled.push(ready.map_err(plain).with_context(|| {
                format!("the guest `{name}` does not fit this host; build both from one revision")
            })?);
        }
        let ticker = Ticker::start(&engine).context("cannot start the epoch thread")?;
        Ok(Self {
            guests: compiled,
            ticker,
            destination: Arc::new(destination),
            metrics,
            processors: metered::processors(),
        })
    }

    /// Resolves when no instance lives.
    pub async fn idle(&self) {
        self.ticker.idle().await;
    }
}

fn link(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Imports::add_to_linker::<_, HasPlatform>(&mut linker, State::platform)?;
    Ok(linker)
}
