//! Waiting until a store has room for one more change, or making some.

use super::compact::{Indexing, compact};
use super::error::StoreError;
use crate::platform::{Platform, Worker};

/// How often a writer looks again whether there is room.
const LOOKS: u32 = 40;
/// After so many looks it does the compaction itself, whoever else is at it.
const PATIENCE: u32 = 20;
const PAUSE_MS: u64 = 250;

/// Who looks after stores here, and how their segments are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upkeep {
    /// As claims name it.
    pub worker: Worker,
    /// For merged segments.
    pub indexing: Indexing,
}

/// Does `work`, which changes a store; where the store is too full for that, compacts it, or waits
/// for who does, and tries again.
///
/// Errors: [`StoreError::Full`] where that took too long; what `work` answers otherwise.
pub fn making_room<T, E: From<StoreError>>(
    platform: Platform<'_>,
    store: &str,
    upkeep: &Upkeep,
    is_full: impl Fn(&E) -> bool,
    mut work: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    for look in 0..LOOKS {
        match work() {
            Err(error) if is_full(&error) => {}
            outcome => return outcome,
        }
        let Upkeep { worker, indexing } = upkeep;
        let is_mine = compact(platform, store, worker, *indexing, look == PATIENCE)?;
        if !is_mine {
            platform.clock.pause(PAUSE_MS);
        }
    }
    work()
}
