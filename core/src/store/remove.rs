//! Deleting a store: a version says so, and everything below its incarnation's name goes.

use super::commit::change;
use super::error::StoreError;
use super::manifest::Manifest;
use super::newest::{newest, prune_through};
use super::{catalog, legacy};
use crate::deletion::OF_STORES;
use crate::home::Home;
use crate::platform::Platform;

/// Deletes a store: it is gone when this returns, and its objects are removed by
/// [`finish_deletion`], which is recorded durably before.
///
/// Errors: [`StoreError::NoSuchStore`].
pub fn delete(platform: Platform<'_>, store: &Manifest) -> Result<Home, StoreError> {
    let home = store.home();
    OF_STORES.begin(platform, &name(&home))?;
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
    let name = name(home);
    let Some(deletion) = OF_STORES.get(platform, &name)? else {
        return Ok(());
    };
    let newest = newest(platform, &home.store)?;
    let is_live = newest
        .as_ref()
        .is_some_and(|newest| !newest.deleted && newest.incarnation == home.incarnation);
    if is_live {
        // The request that wanted it ended before it said so.
        return Ok(OF_STORES.forget_when_over(platform, &name, &deletion)?);
    }
    platform.objects.delete_all(&home.folder())?;
    platform.objects.delete_all(&home.queue())?;
    legacy::remove(platform, home)?;
    catalog::remove(platform, home)?;
    if let Some(newest) = newest.filter(|newest| newest.deleted) {
        prune_through(platform, &home.store, newest.version - 1)?;
    }
    Ok(OF_STORES.forget_when_over(platform, &name, &deletion)?)
}

/// Goes on with deletions that were begun, of a few stores at most.
pub fn finish_deletions(platform: Platform<'_>, limit: u32) -> Result<(), StoreError> {
    let mut outcome = Ok(());
    for name in OF_STORES.names(platform.objects, limit)? {
        if let Some((store, incarnation)) = name.split_once('/') {
            let home = Home::new(store, incarnation);
            outcome = outcome.and(finish_deletion(platform, &home));
        }
    }
    outcome
}

/// Whether an incarnation's deletion was begun, and is remembered.
pub fn is_being_deleted(platform: Platform<'_>, home: &Home) -> Result<bool, StoreError> {
    Ok(OF_STORES.is_begun(platform.objects, &name(home))?)
}

fn name(home: &Home) -> String {
    format!("{}/{}", home.store, home.incarnation)
}
