//! Stores of old formats, moved over whole.

use std::collections::HashSet;

use super::commit::change;
use super::error::StoreError;
use super::garbage::waiting;
use super::legacy::{FOLDERS, INCARNATION};
use super::manifest::Manifest;
use super::names::named;
use super::newest::newest;
use crate::objects::ObjectError;
use crate::platform::Platform;

/// Whether a store's folder has anything that only old formats kept there.
pub fn is_old(platform: Platform<'_>, store: &str) -> Result<bool, StoreError> {
    let folders = platform.objects.folders(&format!("stores/{store}/"))?;
    Ok(folders.iter().any(|name| FOLDERS.contains(&name.as_str())))
}

/// Moves a store of an old format over, and removes what belongs to it no more. Ingestions that
/// were under way are handed to `requeue`, record by record, before their records go.
pub fn clean(
    platform: Platform<'_>,
    store: &str,
    mut requeue: impl FnMut(&Manifest, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let Some(mut present) = newest(platform, store)? else {
        return Ok(());
    };
    if !present.deleted {
        // A commit that changes nothing moves it over all the same.
        present = change(platform, store, |_| Ok::<_, StoreError>(None))?;
    }
    // What waits belongs to the life that it was accepted in.
    if !present.deleted && present.incarnation == INCARNATION {
        let folder = format!("stores/{store}/pending/");
        for meta in platform.objects.list_all(&folder)? {
            match platform.objects.get(&meta.key) {
                Ok(data) => requeue(&present, &data)?,
                Err(ObjectError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
            platform.objects.delete(&meta.key)?;
        }
    }
    for folder in ["attempts", "pending", "progress"] {
        platform
            .objects
            .delete_all(&format!("stores/{store}/{folder}/"))?;
    }
    remove_unnamed(platform, store, &present)
}

fn remove_unnamed(
    platform: Platform<'_>,
    store: &str,
    newest: &Manifest,
) -> Result<(), StoreError> {
    let mut kept: HashSet<String> = match newest.deleted {
        true => HashSet::new(),
        false => named(newest),
    };
    kept.extend(waiting(platform, newest)?);
    for folder in ["segments", "base"] {
        let listed = platform
            .objects
            .list_all(&format!("stores/{store}/{folder}/"))?;
        let keys = listed.into_iter().map(|meta| meta.key);
        let doomed: Vec<String> = keys.filter(|key| !kept.contains(key)).collect();
        platform.objects.delete_many(&doomed)?;
    }
    Ok(())
}
