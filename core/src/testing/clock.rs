//! Time and chance that a test decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::platform::Clock;

/// A clock that stands still but for pauses, and whose chance follows from a seed. Clones are the
/// same clock.
#[derive(Debug, Clone)]
pub(crate) struct ManualClock {
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    now_ms: AtomicU64,
    random: AtomicU64,
}

impl ManualClock {
    /// Shows that time.
    pub fn new(now_ms: u64, seed: u64) -> Self {
        Self {
            state: Arc::new(State {
                now_ms: now_ms.into(),
                random: seed.into(),
            }),
        }
    }

    pub fn now(&self) -> u64 {
        self.state.now_ms.load(Ordering::SeqCst)
    }

    pub fn set(&self, now_ms: u64) {
        self.state.now_ms.store(now_ms, Ordering::SeqCst);
    }

    pub fn advance(&self, milliseconds: u64) {
        self.state.now_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new(1_700_000_000_000, 1)
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.now()
    }

    /// SplitMix64.
    fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let before = self.state.random.fetch_add(STEP, Ordering::SeqCst);
        let mut mixed = before.wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn pause(&self, milliseconds: u64) {
        self.advance(milliseconds);
    }
}
