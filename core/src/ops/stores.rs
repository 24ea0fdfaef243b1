//! A tenant's stores.

use super::counts::{Counts, count_of};
use crate::home::Home;
use crate::pending::PendingError;
use crate::platform::Platform;
use crate::store::{self, Manifest, Marked, StoreError};

/// Markers read at once; those of stores that are not there are few.
const PAGE: u32 = 64;

/// Stores, the newest first, after that one where one is given: `limit` at most, and whether there
/// are more. Reads no other.
pub fn after(
    platform: Platform<'_>,
    place: Option<&Home>,
    limit: usize,
) -> Result<(Vec<Manifest>, bool), StoreError> {
    page_after(platform, place, limit, |marked| {
        let newest = store::current(platform, &marked.store)?;
        Ok(newest.filter(|newest| newest.incarnation == marked.incarnation))
    })
}

/// As [`after`], each with how many of its files stand where.
pub fn counted_after(
    platform: Platform<'_>,
    place: Option<&Home>,
    limit: usize,
) -> Result<(Vec<(Counts, Manifest)>, bool), PendingError> {
    page_after(platform, place, limit, |marked| counted(platform, marked))
}

/// The store of a marker, with how many of its files stand where; `None` where it is not there any
/// more.
pub fn counted(
    platform: Platform<'_>,
    marked: &Marked,
) -> Result<Option<(Counts, Manifest)>, PendingError> {
    match count_of(platform, &marked.store) {
        Ok((counts, newest)) if newest.incarnation == marked.incarnation => {
            Ok(Some((counts, newest)))
        }
        Ok(_) | Err(PendingError::Store(StoreError::NoSuchStore(_))) => Ok(None),
        Err(error) => Err(error),
    }
}

fn page_after<T, E: From<StoreError>>(
    platform: Platform<'_>,
    place: Option<&Home>,
    limit: usize,
    mut read: impl FnMut(&Marked) -> Result<Option<T>, E>,
) -> Result<(Vec<T>, bool), E> {
    let mut found = Vec::new();
    let mut place = place.cloned();
    while found.len() <= limit {
        let marked = store::marked_after(platform, place.as_ref(), PAGE)?;
        for marked in &marked {
            found.extend(read(marked)?);
            if found.len() > limit {
                break;
            }
        }
        if marked.len() < PAGE as usize {
            break;
        }
        place = marked.last().map(Marked::home);
    }
    let has_more = found.len() > limit;
    found.truncate(limit);
    Ok((found, has_more))
}

/// The markers of all stores, the newest first; some may be of stores that are not there any more.
pub fn list(platform: Platform<'_>) -> Result<Vec<Marked>, StoreError> {
    store::all_marked(platform)
}

/// The place among all stores of one that is there, or was; `None` where there never was one.
pub fn place(platform: Platform<'_>, store: &str) -> Result<Option<Marked>, StoreError> {
    let newest = store::newest(platform, store)?;
    Ok(newest.map(|newest| Marked::of(&newest.home())))
}

/// Deletes a store: it is gone when this returns. What is left of it goes by
/// [`store::finish_deletion`], for after the answer.
pub fn delete_store(platform: Platform<'_>, store: &Manifest) -> Result<Home, StoreError> {
    store::delete(platform, store)
}
