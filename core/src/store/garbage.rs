//! Objects that were superseded: noted in the version that supersedes them, then in records of
//! their own, and deleted when nobody can be reading them any more. A record goes after its objects.

use super::error::StoreError;
use super::home::Home;
use super::manifest::{Garbage, Manifest};
use super::newest::current;
use crate::ids;
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
use crate::platform::Platform;

/// How long a superseded object stays, at the least, for readers that began before.
pub const GRACE_MS: u64 = 3_600_000;

/// Keys that a manifest may hold before they become a record.
const MOST_KEYS: usize = 24;
/// Records looked at in one go.
const RECORDS: u32 = 32;

const FOLDER: &str = "garbage/";

/// Moves what earlier versions superseded into a record, where the manifest holds too much of it.
///
/// What is in the record is garbage for good, whether or not the version comes to be: so it may
/// be written first, and nothing is forgotten between the two.
pub(super) fn spill(platform: Platform<'_>, next: &mut Manifest) -> Result<(), StoreError> {
    let keys: usize = next.garbage.iter().map(|garbage| garbage.keys.len()).sum();
    if keys < MOST_KEYS {
        return Ok(());
    }
    let now_ms = platform.now_ms();
    for garbage in &mut next.garbage {
        garbage.since_ms.get_or_insert(now_ms);
    }
    let Some(newest) = next
        .garbage
        .iter()
        .filter_map(|garbage| garbage.since_ms)
        .max()
    else {
        return Ok(());
    };
    let data = serde_json::to_vec(&next.garbage)
        .map_err(|fault| StoreError::Unwritable(format!("The garbage: {fault}.")))?;
    let key = record_key(&next.home(), newest, platform.clock.random());
    platform.objects.put(&key, &data)?;
    next.garbage.clear();
    Ok(())
}

/// Notes in a version's garbage when that of its predecessor was seen: now, at the latest. Until then
/// nobody knows since when it is garbage.
pub(super) fn see(garbage: &mut [Garbage], predecessor: &Manifest, now_ms: u64) {
    for one in garbage
        .iter_mut()
        .filter(|one| predecessor.garbage.contains(one))
    {
        one.since_ms.get_or_insert(now_ms);
    }
}

/// A record's key sorts by when its newest part was superseded.
fn record_key(home: &Home, since_ms: u64, random: u64) -> String {
    let id = ids::time_ordered("", since_ms, random);
    home.key(&format!("{FOLDER}{id}.json"))
}

fn since_ms(home: &Home, key: &str) -> Option<u64> {
    ids::made_ms(key.strip_prefix(&home.key(FOLDER))?, "")
}

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
    super::commit::change(platform, &newest.store.id, |present| {
        if present.incarnation != newest.incarnation {
            return Ok(None);
        }
        let mut next = present.clone();
        next.garbage.retain(|garbage| !due.contains(garbage));
        let has_gone = next.garbage.len() != present.garbage.len();
        let changes = has_gone || present.garbage.iter().any(is_new);
        Ok::<_, StoreError>(changes.then(|| super::commit::Next::upkeep(next)))
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
    let named = super::names::named(newest);
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

/// Every key that is on its way out, noted in a version or recorded; folders as they are noted. Who
/// began to read before it was superseded may be using it.
pub fn waiting(platform: Platform<'_>, newest: &Manifest) -> Result<Vec<String>, StoreError> {
    let noted = newest.garbage.iter().flat_map(|garbage| &garbage.keys);
    let mut keys: Vec<String> = noted.cloned().collect();
    keys.extend(recorded(platform, &newest.home())?);
    Ok(keys)
}

/// Every key that records of a store say is on its way out; folders as they are noted.
pub(super) fn recorded(platform: Platform<'_>, home: &Home) -> Result<Vec<String>, StoreError> {
    let mut keys = Vec::new();
    for meta in platform.objects.list_all(&home.key(FOLDER))? {
        match platform.objects.get(&meta.key) {
            Ok(data) => keys.extend(
                parse(&meta.key, &data)?
                    .into_iter()
                    .flat_map(|garbage| garbage.keys),
            ),
            Err(ObjectError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(keys)
}

/// Looks after a store on the side, after an answer: prunes its history and deletes what is due.
pub fn tidy(platform: Platform<'_>, committed: &Manifest) -> Result<(), StoreError> {
    let store = &committed.store.id;
    super::newest::prune(platform, store, committed.version)?;
    if let Some(newest) = current(platform, store)? {
        collect(platform, &newest)?;
    }
    Ok(())
}

fn parse(key: &str, data: &[u8]) -> Result<Vec<Garbage>, StoreError> {
    serde_json::from_slice(data).map_err(|fault| StoreError::damaged(key, &fault))
}
