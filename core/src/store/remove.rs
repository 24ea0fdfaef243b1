//! Deleting a store: a version says so, and everything below its incarnation's name goes.

use serde::{Deserialize, Serialize};

use super::commit::change;
use super::error::StoreError;
use super::garbage::GRACE_MS;
use super::home::Home;
use super::manifest::Manifest;
use super::newest::{newest, prune_through};
use super::{catalog, legacy};
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
use crate::platform::Platform;

const WORK: &str = "work/delete-store/";

#[derive(Serialize, Deserialize)]
struct Record {
    began_ms: u64,
}

/// Deletes a store: it is gone when this returns, and its objects are removed by
/// [`finish_deletion`], which is recorded durably before.
///
/// Errors: [`StoreError::NoSuchStore`].
pub fn delete(platform: Platform<'_>, store: &Manifest) -> Result<Home, StoreError> {
    let home = store.home();
    let record = Record {
        began_ms: platform.now_ms(),
    };
    let data = serde_json::to_vec(&record)
        .map_err(|fault| StoreError::Unwritable(format!("The deletion: {fault}.")))?;
    if !active(Mutant::DeleteBeforeRecording) {
        platform.objects.put(&work_key(&home), &data)?;
    }
    let deleted = change(platform, &home.store, |newest| {
        if newest.incarnation != home.incarnation {
            return Ok(None);
        }
        let mut tombstone = Manifest::first(newest.store.clone());
        tombstone.incarnation = newest.incarnation.clone();
        tombstone.deleted = true;
        Ok::<_, StoreError>(Some(tombstone.into()))
    });
    match deleted {
        // Another request deleted it, and a third may have made it again.
        Err(StoreError::NoSuchStore(_)) | Ok(_) => Ok(home),
        Err(error) => Err(error),
    }
}

/// Removes what is left of a deleted incarnation; doing it again changes nothing. The record of the
/// deletion stays for the grace period, so that what late writers leave is removed, too.
pub fn finish_deletion(platform: Platform<'_>, home: &Home) -> Result<(), StoreError> {
    let key = work_key(home);
    let began_ms = match platform.objects.get(&key) {
        Ok(data) => {
            serde_json::from_slice::<Record>(&data)
                .map_err(|fault| StoreError::damaged(&key, &fault))?
                .began_ms
        }
        Err(ObjectError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let is_over = began_ms.saturating_add(GRACE_MS) <= platform.now_ms();
    let newest = newest(platform, &home.store)?;
    let is_live = newest
        .as_ref()
        .is_some_and(|newest| !newest.deleted && newest.incarnation == home.incarnation);
    if is_live {
        // The request that wanted it ended before it said so.
        return match is_over {
            true => Ok(platform.objects.delete(&key)?),
            false => Ok(()),
        };
    }
    delete_folder(platform, &home.folder())?;
    delete_folder(platform, &home.queue())?;
    legacy::remove(platform, home)?;
    catalog::remove(platform, home)?;
    if let Some(newest) = newest.filter(|newest| newest.deleted) {
        prune_through(platform, &home.store, newest.version - 1)?;
    }
    match is_over {
        true => Ok(platform.objects.delete(&key)?),
        false => Ok(()),
    }
}

/// Goes on with deletions that were begun, of a few stores at most.
pub fn finish_deletions(platform: Platform<'_>, limit: u32) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    for meta in platform.objects.list(WORK, None, limit)? {
        if let Some(home) = home_of(&meta.key) {
            outcome = outcome.and(finish_deletion(platform, &home));
        }
    }
    outcome
}

/// Whether an incarnation's deletion was begun, and is remembered.
pub fn is_being_deleted(platform: Platform<'_>, home: &Home) -> Result<bool, StoreError> {
    match platform.objects.head(&work_key(home)) {
        Ok(_) => Ok(true),
        Err(ObjectError::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Removes everything below a folder, in bulk.
pub(crate) fn delete_folder(platform: Platform<'_>, folder: &str) -> Result<(), ObjectError> {
    loop {
        let page = platform.objects.list(folder, None, 1_000)?;
        if page.is_empty() {
            return Ok(());
        }
        let keys: Vec<String> = page.into_iter().map(|meta| meta.key).collect();
        platform.objects.delete_many(&keys)?;
    }
}

fn work_key(home: &Home) -> String {
    format!("{WORK}{}/{}.json", home.store, home.incarnation)
}

fn home_of(key: &str) -> Option<Home> {
    let (store, incarnation) = key
        .strip_prefix(WORK)?
        .strip_suffix(".json")?
        .split_once('/')?;
    Some(Home::new(store, incarnation))
}
