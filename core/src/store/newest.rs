//! Reading a store's history.

use super::error::StoreError;
use super::legacy;
use super::manifest::{FORMAT, Manifest};
use crate::home;
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
use crate::platform::Platform;

/// How many versions stay readable behind the newest one.
pub const RETAINED_VERSIONS: u64 = 32;
/// Versions are pruned by every eighth commit.
const PRUNE_EVERY: u64 = 8;
/// What was listed so long ago may not be the newest any more, and its number another's.
const FRESH_MS: u64 = 1_000;
/// Each repetition means that the version that was listed was pruned before it was read.
const READS: u32 = 64;

/// The newest version of a store; `None` when it was never made or was deleted.
pub fn current(platform: Platform<'_>, store: &str) -> Result<Option<Manifest>, StoreError> {
    Ok(newest(platform, store)?.filter(|manifest| !manifest.deleted))
}

/// As [`current`], where a store that is not there is an error.
pub fn existing(platform: Platform<'_>, store: &str) -> Result<Manifest, StoreError> {
    current(platform, store)?.ok_or_else(|| StoreError::NoSuchStore(store.to_owned()))
}

/// One version of a store; `None` when there is none of that number, or none any more.
pub fn at(
    platform: Platform<'_>,
    store: &str,
    version: u64,
) -> Result<Option<Manifest>, StoreError> {
    let key = home::manifest(store, version);
    match platform.objects.get(&key) {
        Ok(data) => parse(platform, &key, &data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The newest version, deleted or not.
pub fn newest(platform: Platform<'_>, store: &str) -> Result<Option<Manifest>, StoreError> {
    for _ in 0..READS {
        let listed_ms = platform.now_ms();
        let versions = platform.objects.list_all(&home::manifests(store))?;
        let newest = versions
            .into_iter()
            .rev()
            .find(|meta| home::version(&meta.key).is_some());
        let Some(meta) = newest else {
            return Ok(None);
        };
        match platform.objects.get(&meta.key) {
            Ok(data) => {
                let newest = parse(platform, &meta.key, &data)?;
                let is_fresh = platform.now_ms().saturating_sub(listed_ms) < FRESH_MS;
                if is_fresh || is_newest(platform, &newest)? {
                    return Ok(Some(newest));
                }
            }
            Err(ObjectError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Contended)
}

/// The number of the newest version, deleted or not, without reading it; `None` where there is none.
pub fn newest_version(platform: Platform<'_>, store: &str) -> Result<Option<u64>, StoreError> {
    let versions = platform.objects.list_all(&home::manifests(store))?;
    Ok(versions
        .iter()
        .rev()
        .find_map(|meta| home::version(&meta.key)))
}

/// As [`newest`], and certainly one that counts: its number may have been freed and taken again by
/// a late writer between the listing and the reading, but not while it is the newest.
pub(super) fn confirmed(
    platform: Platform<'_>,
    store: &str,
) -> Result<Option<Manifest>, StoreError> {
    for _ in 0..READS {
        match newest(platform, store)? {
            Some(newest) if !is_newest(platform, &newest)? => {}
            newest => return Ok(newest),
        }
    }
    Err(StoreError::Contended)
}

/// Whether nothing is above a version.
pub(super) fn is_newest(platform: Platform<'_>, version: &Manifest) -> Result<bool, StoreError> {
    if active(Mutant::TrustOldVersion) {
        return Ok(true);
    }
    Ok(!above(platform, &version.store.id, version.version)?)
}

/// As [`existing`], of a store of which `known` was the newest version: read only where there is
/// another now.
///
/// Errors: [`StoreError::NoSuchStore`] also where this life of the store has ended.
pub fn still(platform: Platform<'_>, known: &Manifest) -> Result<Manifest, StoreError> {
    let store = &known.store.id;
    if !above(platform, store, known.version)? {
        return Ok(known.clone());
    }
    let newest = existing(platform, store)?;
    match newest.incarnation == known.incarnation {
        true => Ok(newest),
        false => Err(StoreError::NoSuchStore(store.clone())),
    }
}

/// Whether there is any version above that number.
pub(super) fn above(platform: Platform<'_>, store: &str, version: u64) -> Result<bool, StoreError> {
    let after = home::manifest(store, version);
    let found = platform
        .objects
        .list(&home::manifests(store), Some(&after), 8)?;
    Ok(found.iter().any(|meta| home::version(&meta.key).is_some()))
}

/// Removes versions older than the retained ones, in bulk. For after an answer: nothing depends
/// on its success, since a later one goes on with it.
pub fn prune(platform: Platform<'_>, store: &str, version: u64) -> Result<(), StoreError> {
    let Some(newest_doomed) = version.checked_sub(RETAINED_VERSIONS + 1) else {
        return Ok(());
    };
    if !version.is_multiple_of(PRUNE_EVERY) {
        return Ok(());
    }
    prune_through(platform, store, newest_doomed)
}

/// Removes every version that need not be kept: those behind the retained ones, and all before a
/// deletion.
pub fn prune_all(platform: Platform<'_>, newest: &Manifest) -> Result<(), StoreError> {
    let retained = match newest.deleted {
        true => 0,
        false => RETAINED_VERSIONS,
    };
    match newest.version.checked_sub(retained + 1) {
        Some(newest_doomed) => prune_through(platform, &newest.store.id, newest_doomed),
        None => Ok(()),
    }
}

/// Removes all versions up to that number.
pub(super) fn prune_through(
    platform: Platform<'_>,
    store: &str,
    newest_doomed: u64,
) -> Result<(), StoreError> {
    let listed = platform
        .objects
        .list(&home::manifests(store), None, 1_000)?;
    let doomed: Vec<String> = listed
        .into_iter()
        .map(|meta| meta.key)
        .filter(|key| home::version(key).is_some_and(|version| version <= newest_doomed))
        .collect();
    Ok(platform.objects.delete_many(&doomed)?)
}

fn parse(platform: Platform<'_>, key: &str, data: &[u8]) -> Result<Manifest, StoreError> {
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let damaged = |fault: serde_json::Error| StoreError::damaged(key, &fault);
    let Format { format } = serde_json::from_slice(data).map_err(damaged)?;
    let manifest: Manifest = match format {
        FORMAT => serde_json::from_slice(data).map_err(damaged)?,
        ..FORMAT => legacy::read(platform, key, data)?,
        found => {
            return Err(StoreError::NewerFormat {
                found,
                known: FORMAT,
            });
        }
    };
    match home::manifest(&manifest.store.id, manifest.version) == key {
        true => Ok(manifest),
        false => Err(StoreError::damaged(key, &"it says that it is another")),
    }
}
