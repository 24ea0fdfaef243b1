use std::fmt::Display;

use super::{FORMAT, Garbage, Manifest, keys};
use crate::error::ApiError;
use crate::json;
use crate::objects::{ObjectError, Objects};

/// How many versions stay readable behind the newest one. A reader that holds a version older
/// than that reads it again.
pub const RETAINED_VERSIONS: u64 = 32;

/// How long a superseded object stays, at the least, for readers that began before.
pub(super) const GRACE_MS: u64 = 3_600_000;

/// Each lost race means that another writer won one, so this many in a row means a storage
/// whose create-if-absent does not work, or a very busy store.
const ATTEMPTS: u32 = 256;

/// The newest version of a store; `None` when it was never made or was deleted.
pub fn current(objects: &dyn Objects, store: &str) -> Result<Option<Manifest>, ApiError> {
    Ok(newest(objects, store)?.filter(|manifest| !manifest.deleted))
}

/// One version of a store; `None` when there is none of that number, or none any more.
pub fn at(objects: &dyn Objects, store: &str, version: u64) -> Result<Option<Manifest>, ApiError> {
    let key = keys::manifest(store, version);
    match objects.get(&key) {
        Ok(data) => parse(&key, &data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Commits a change of an existing store and answers the version that holds.
///
/// `apply` gets the newest version and answers what should come next, or `None` when nothing
/// needs to. It is called again whenever another writer was first, so it must look at what it
/// gets; the version number and the time are set here. Errors of `apply` end the attempt.
pub fn change(
    objects: &dyn Objects,
    store: &str,
    now_ms: u64,
    apply: impl FnMut(&Manifest) -> Result<Option<Manifest>, ApiError>,
) -> Result<Manifest, ApiError> {
    commit(objects, store, now_ms, None, apply)
}

/// As [`change`], of a store that is made from `first` when it does not exist.
pub fn create_or_change(
    objects: &dyn Objects,
    first: &Manifest,
    now_ms: u64,
    apply: impl FnMut(&Manifest) -> Result<Option<Manifest>, ApiError>,
) -> Result<Manifest, ApiError> {
    commit(objects, &first.store.id, now_ms, Some(first), apply)
}

/// Makes a store, or answers the one that is there.
pub fn create(objects: &dyn Objects, first: &Manifest, now_ms: u64) -> Result<Manifest, ApiError> {
    create_or_change(objects, first, now_ms, |_| Ok(None))
}

fn commit(
    objects: &dyn Objects,
    store: &str,
    now_ms: u64,
    first: Option<&Manifest>,
    mut apply: impl FnMut(&Manifest) -> Result<Option<Manifest>, ApiError>,
) -> Result<Manifest, ApiError> {
    for _ in 0..ATTEMPTS {
        let newest = newest(objects, store)?;
        let version = newest.as_ref().map_or(0, |manifest| manifest.version);
        let (next, made) = match (newest.filter(|manifest| !manifest.deleted), first) {
            (Some(manifest), _) => match apply(&manifest)? {
                Some(next) => (next, false),
                None => return Ok(manifest),
            },
            (None, Some(first)) => (first.clone(), true),
            (None, None) => return Err(no_such_store(store)),
        };
        let mut next = Manifest {
            format: FORMAT,
            version: version + 1,
            committed_ms: now_ms,
            ..next
        };
        let doomed = due_garbage(&mut next, now_ms);
        if put_next(objects, store, &next)? {
            // Both only free space: what fails here is tried again after a later commit.
            doomed.iter().for_each(|key| drop(objects.delete(key)));
            drop(prune(objects, store, next.version));
            if !made {
                return Ok(next);
            }
        }
    }
    Err(ApiError::unavailable(
        "The store is being changed by too many requests at once; try again.",
    ))
}

/// Creates the next version. False when another writer was first, or when it cannot be told
/// because the version before it is gone: then this "next" version may be an old number that
/// was pruned meanwhile, and the caller looks again at what the newest version says.
fn put_next(objects: &dyn Objects, store: &str, next: &Manifest) -> Result<bool, ApiError> {
    let data = json::to_vec(next, "The manifest cannot be written")?;
    match objects.put_new(&keys::manifest(store, next.version), &data) {
        Ok(()) => {}
        Err(ObjectError::AlreadyExists) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    if next.version == 1 {
        return Ok(true);
    }
    match objects.head(&keys::manifest(store, next.version - 1)) {
        Ok(_) => Ok(true),
        Err(ObjectError::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Takes out of the list what no retained version names and no reader can still be using.
fn due_garbage(next: &mut Manifest, now_ms: u64) -> Vec<String> {
    let oldest_retained = next.version.saturating_sub(RETAINED_VERSIONS);
    let due = |garbage: &Garbage| {
        garbage.version <= oldest_retained && garbage.since_ms + GRACE_MS <= now_ms
    };
    let (doomed, kept) = std::mem::take(&mut next.garbage).into_iter().partition(due);
    next.garbage = kept;
    let doomed: Vec<Garbage> = doomed;
    doomed.into_iter().map(|garbage| garbage.key).collect()
}

/// Deletes versions older than the retained ones, oldest first: so a version whose predecessor
/// exists was never pruned.
fn prune(objects: &dyn Objects, store: &str, version: u64) -> Result<(), ObjectError> {
    let Some(newest_doomed) = version.checked_sub(RETAINED_VERSIONS + 1) else {
        return Ok(());
    };
    for meta in objects.list(&keys::manifests(store), None, RETAINED_VERSIONS as u32)? {
        if keys::version(&meta.key).is_some_and(|version| version <= newest_doomed) {
            objects.delete(&meta.key)?;
        }
    }
    Ok(())
}

/// The newest version, deleted or not. A version may be pruned between the listing and the
/// reading; then there is a newer one.
pub(super) fn newest(objects: &dyn Objects, store: &str) -> Result<Option<Manifest>, ApiError> {
    for _ in 0..ATTEMPTS {
        let versions = objects.list_all(&keys::manifests(store))?;
        let newest = versions
            .into_iter()
            .rev()
            .find(|meta| keys::version(&meta.key).is_some());
        let Some(meta) = newest else {
            return Ok(None);
        };
        match objects.get(&meta.key) {
            Ok(data) => return parse(&meta.key, &data).map(Some),
            Err(ObjectError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ApiError::unavailable(
        "The store changes faster than it can be read; try again.",
    ))
}

fn parse(key: &str, data: &[u8]) -> Result<Manifest, ApiError> {
    let manifest: Manifest = serde_json::from_slice(data).map_err(|fault| damaged(key, &fault))?;
    if manifest.format > FORMAT {
        return Err(ApiError::new(
            500,
            format!(
                "The store was written by a newer Dayfly (format {}, this one reads up to \
                 {FORMAT}); upgrade this server.",
                manifest.format
            ),
        ));
    }
    Ok(manifest)
}

/// An object that should be readable is not.
pub(super) fn damaged(key: &str, fault: &dyn Display) -> ApiError {
    ApiError::new(
        500,
        format!("The object {key} is damaged ({fault}); restore it from a backup."),
    )
    .code("damaged_object")
}

fn no_such_store(store: &str) -> ApiError {
    ApiError::not_found(format!("No vector store found with id '{store}'."))
}
