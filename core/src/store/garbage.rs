//! Objects that were superseded: noted in the version that supersedes them, then in records of
//! their own, and deleted when nobody can be reading them any more. A record goes after its objects.

use super::error::StoreError;
use super::manifest::{Garbage, Manifest};
use crate::home::Home;
use crate::ids;
use crate::objects::ObjectError;
use crate::platform::Platform;

/// How long a superseded object stays, at the least, for readers that began before.
pub const GRACE_MS: u64 = 3_600_000;

/// Keys that a manifest may hold before they become a record.
const MOST_KEYS: usize = 24;

pub(super) const FOLDER: &str = "garbage/";

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

pub(super) fn since_ms(home: &Home, key: &str) -> Option<u64> {
    ids::made_ms(key.strip_prefix(&home.key(FOLDER))?, "")
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

pub(super) fn parse(key: &str, data: &[u8]) -> Result<Vec<Garbage>, StoreError> {
    serde_json::from_slice(data).map_err(|fault| StoreError::damaged(key, &fault))
}
