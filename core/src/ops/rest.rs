//! How long a store can be left alone.

use crate::platform::Platform;
use crate::store::{self, GRACE_MS, Manifest, StoreError, Upkeep};

/// How long a store can be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// As long as this is its newest version …
    pub version: u64,
    /// … and it is not that time yet, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

impl Rest {
    /// Whether nothing is to be done for a store whose newest version has that number.
    pub fn holds(&self, newest: Option<u64>, now_ms: u64) -> bool {
        newest == Some(self.version) && now_ms < self.until_ms
    }
}

/// How long nothing is to be done for a store that was just looked after, scrubs aside; `None` where
/// it was never made.
pub fn rest(
    platform: Platform<'_>,
    store: &str,
    upkeep: &Upkeep,
) -> Result<Option<Rest>, StoreError> {
    let Some(newest) = store::newest(platform, store)? else {
        return Ok(None);
    };
    let until_ms = match newest.deleted {
        true => u64::MAX,
        false => until_ms(platform, &newest, upkeep)?,
    };
    Ok(Some(Rest {
        version: newest.version,
        until_ms,
    }))
}

fn until_ms(platform: Platform<'_>, newest: &Manifest, upkeep: &Upkeep) -> Result<u64, StoreError> {
    let now_ms = platform.now_ms();
    if store::is_compaction_due(newest, upkeep.indexing, now_ms) {
        return Ok(now_ms);
    }
    let expiry = newest.expires_at();
    let expiry_ms = expiry.map(|at| at.saturating_mul(1_000).saturating_add(GRACE_MS));
    let garbage_ms = store::garbage_due_ms(platform, newest)?;
    let first = expiry_ms.into_iter().chain(garbage_ms).min();
    Ok(first.unwrap_or(u64::MAX))
}
