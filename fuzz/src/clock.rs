//! Time and chance that repeat.

use std::sync::atomic::{AtomicU64, Ordering};

use dayfly_core::platform::Clock;

/// A clock that stands still but for pauses, and foreseeable chance: an input does the same each
/// time.
#[derive(Debug)]
pub struct Still {
    now_ms: AtomicU64,
    drawn: AtomicU64,
}

impl Default for Still {
    fn default() -> Self {
        Self {
            now_ms: 1_700_000_000_000.into(),
            drawn: 0.into(),
        }
    }
}

impl Clock for Still {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        self.drawn.fetch_add(STEP, Ordering::Relaxed)
    }

    fn pause(&self, milliseconds: u64) {
        self.now_ms.fetch_add(milliseconds, Ordering::Relaxed);
    }
}
