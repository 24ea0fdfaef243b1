//! Deleting what was superseded, when nobody reads it any more.

use super::commit::change;
use super::error::StoreError;
use super::garbage::{FOLDER, GRACE_MS, parse, since_ms};
use super::manifest::{Garbage, Manifest};
use super::names::named;
use super::newest::{current, prune};
use super::next::Next;
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
use crate::platform::Platform;

/// Records looked at in one go.
const RECORDS: u32 = 32;

/// Deletes what was superseded so long ago that nobody reads it any more, as far as records say so:
/// a bounded number of them, the oldest first. Answers whether more is due.
///
/// Doing it again changes nothing. What the newest version names stays, whatever a record says.
pub fn collect(platform: Platform<'_>, newest: &Manifest) -> Result<bool, StoreError> {
    let home = newest.home();
    let listed = platform.objects.list(&home.key(FOLDER), None, RECORDS)?;
    let due: Vec<String> = listed
        .iter()
        .map(|meta| meta.key.clone())
        .filter(|key| is_over(platform, since_ms(&home, key).unwrap_or(0)))
        .collect();
    for key in &due {
        let garbage = match platform.objects.get(key) {
            Ok(data) => parse(key, &data)?,
            // Another collector was first.
            Err(ObjectError::NotFound) => continue,
            Err(error) => return Err(error.into()),
        };
        delete(platform, newest, &garbage)?;
        platform.objects.delete(key)?;
    }
    Ok(due.len() == RECORDS as usize)
}

/// As [`collect`], of what the newest version itself notes, and notes since when that is garbage which
/// it superseded. For a store that nobody changes any more, whose notes would become no record.
pub fn collect_noted(platform: Platform<'_>, newest: &Manifest) -> Result<(), StoreError> {
    let is_due = |garbage: &Garbage| {
        let since_ms = garbage.since_ms;
        since_ms.is_some_and(|since_ms| is_over(platform, since_ms))
    };
    let is_new = |garbage: &Garbage| garbage.since_ms.is_none();
    let due: Vec<Garbage> = newest
        .garbage
        .iter()
        .filter(|garbage| is_due(garbage))
        .cloned()
        .collect();
    if due.is_empty() && !newest.garbage.iter().any(is_new) {
        return Ok(());
    }
    delete(platform, newest, &due)?;
    change(platform, &newest.store.id, |present| {
        if present.incarnation != newest.incarnation {
            return Ok(None);
        }
        let mut next = present.clone();
        next.garbage.retain(|garbage| !due.contains(garbage));
        let has_gone = next.garbage.len() != present.garbage.len();
        let changes = has_gone || present.garbage.iter().any(is_new);
        Ok::<_, StoreError>(changes.then(|| Next::upkeep(next)))
    })?;
    Ok(())
}

/// When something is to be done for what was superseded, in milliseconds since the Unix epoch; `None`
/// where nothing was.
pub fn due_ms(platform: Platform<'_>, newest: &Manifest) -> Result<Option<u64>, StoreError> {
    let home = newest.home();
    let oldest = platform.objects.list(&home.key(FOLDER), None, 1)?;
    let recorded = oldest
        .first()
        .map(|meta| since_ms(&home, &meta.key).unwrap_or(0));
    if newest
        .garbage
        .iter()
        .any(|garbage| garbage.since_ms.is_none())
    {
        return Ok(Some(platform.now_ms()));
    }
    let noted = newest.garbage.iter().filter_map(|garbage| garbage.since_ms);
    let first = noted.chain(recorded).min();
    Ok(first.map(|since_ms| since_ms.saturating_add(GRACE_MS)))
}

fn is_over(platform: Platform<'_>, since_ms: u64) -> bool {
    let grace_ms = match active(Mutant::NoGrace) {
        true => 0,
        false => GRACE_MS,
    };
    since_ms.saturating_add(grace_ms) <= platform.now_ms()
}

fn delete(
    platform: Platform<'_>,
    newest: &Manifest,
    garbage: &[Garbage],
) -> Result<(), StoreError> {
    let named = named(newest);
    let mut doomed = Vec::new();
    for key in garbage.iter().flat_map(|garbage| &garbage.keys) {
        match key.ends_with('/') {
            true => doomed.extend(
                platform
                    .objects
                    .list_all(key)?
                    .into_iter()
                    .map(|meta| meta.key),
            ),
            false => doomed.push(key.clone()),
        }
    }
    doomed.retain(|key| !named.contains(key));
    Ok(platform.objects.delete_many(&doomed)?)
}

/// Looks after a store on the side, after an answer: prunes its history and deletes what is due.
pub fn tidy(platform: Platform<'_>, committed: &Manifest) -> Result<(), StoreError> {
    let store = &committed.store.id;
    prune(platform, store, committed.version)?;
    if let Some(newest) = current(platform, store)? {
        collect(platform, &newest)?;
    }
    Ok(())
}
