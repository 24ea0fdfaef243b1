//! What `core` takes from its surroundings, as a guest has it.

use std::future::Future;
use std::time::Duration;

use dayfly_core::ingestion::{Need, Surroundings};
use dayfly_core::platform::{Clock, Platform, Worker};
use dayfly_core::store::{Indexing, Upkeep};

use crate::clock;
use crate::platform::{PlatformObjects, Settings, needed, settings};

/// Time and chance from WASI.
#[derive(Debug, Clone, Copy)]
pub struct GuestClock;

impl Clock for GuestClock {
    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    fn random(&self) -> u64 {
        clock::random()
    }

    /// Blocks the whole instance, which serves nobody else.
    fn pause(&self, milliseconds: u64) {
        clock::pause(Duration::from_millis(milliseconds));
    }
}

impl Surroundings for GuestClock {
    fn monotonic(&self) -> Duration {
        clock::monotonic()
    }

    fn needed(&self) -> Need {
        needed()
    }

    async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        clock::timeout(limit, future).await
    }
}

/// The tenant's objects, and WASI's clock.
pub fn platform() -> Platform<'static> {
    Platform::new(&PlatformObjects, &GuestClock)
}

/// This instance, as it looks after stores.
pub fn upkeep() -> Upkeep {
    let settings = settings();
    Upkeep {
        indexing: indexing(&settings),
        worker: Worker {
            node: settings.node,
            boot: settings.boot,
        },
    }
}

/// How segments are made, as the operator configured it.
pub fn indexing(settings: &Settings) -> Indexing {
    Indexing {
        graph_min_rows: settings.indexing.graph_min_rows,
        segment_max_rows: settings.indexing.segment_max_rows,
    }
}
