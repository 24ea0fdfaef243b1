//! Looking through all that a tenant has: whether every object is what was written, whether they
//! fit each other, and what lies there that belongs to nothing. Beside writers, and changing
//! nothing.

mod each;
mod files;
mod findings;
mod objects;
mod rows;
mod strange;
mod tenant;
#[cfg(test)]
mod tests;

use crate::platform::Platform;
use crate::store::{Manifest, StoreError, Totals, named, newest};

pub use findings::{Damage, Findings, Strange};
pub use tenant::verify_tenant;

/// What a look through a store found.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The version that was looked at; `None` where the store is not there, or not any more.
    pub version: Option<u64>,
    /// What it holds.
    pub totals: Totals,
    /// What is to be told.
    pub findings: Findings,
}

/// A version is looked at again where it was superseded so long ago that it could not be read to
/// its end: at most so often.
const LOOKS: u32 = 3;

/// Looks through a store. Reads every byte that its newest version names; holds some MiB, and some
/// bits for each row. `seen` gets the bytes of each object that was read.
///
/// Errors: those of the storage that may pass. What is damaged or missing is no error.
pub fn verify_store(
    platform: Platform<'_>,
    store: &str,
    seen: &mut dyn FnMut(u64),
) -> Result<Verified, StoreError> {
    let mut findings = Findings::default();
    let Some(first) = newest_of(platform, store, &mut findings)? else {
        strange::look(platform, store, None, &mut findings)?;
        return Ok(Verified {
            version: None,
            totals: Totals::default(),
            findings,
        });
    };
    let missing = objects::look(platform, &first, &mut findings, seen)?;
    let looked_at = look_at_rows(platform, &first, &mut findings)?;
    if let Some(newest) = newest_of(platform, store, &mut findings)? {
        // What was superseded while this went on may go.
        let named = named(&newest);
        for key in missing.iter().filter(|key| named.contains(*key)) {
            findings.damaged(key, "it is missing");
        }
        strange::look(platform, store, Some(&newest), &mut findings)?;
    }
    Ok(Verified {
        version: Some(looked_at.version),
        totals: looked_at.totals,
        findings,
    })
}

/// The newest version, unless the store was deleted; one that cannot be understood is damage.
fn newest_of(
    platform: Platform<'_>,
    store: &str,
    findings: &mut Findings,
) -> Result<Option<Manifest>, StoreError> {
    match newest(platform, store) {
        Ok(newest) => Ok(newest.filter(|newest| !newest.deleted)),
        Err(error) => findings.take(error).map(|()| None),
    }
}

fn look_at_rows(
    platform: Platform<'_>,
    first: &Manifest,
    findings: &mut Findings,
) -> Result<Manifest, StoreError> {
    let mut manifest = first.clone();
    for _ in 0..LOOKS {
        match rows::look(platform, &manifest, findings) {
            Err(error) if error.is_missing() => {}
            Err(error) => return findings.take(error).map(|()| manifest),
            Ok(()) => return Ok(manifest),
        }
        match newest_of(platform, &first.store.id, findings)? {
            Some(newest) if newest.version != manifest.version => manifest = newest,
            // What is missing is noted by its key.
            _ => return Ok(manifest),
        }
    }
    Ok(manifest)
}
