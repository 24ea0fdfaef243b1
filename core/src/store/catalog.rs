//! Which stores there are, newest first, without reading any of them.
//!
//! A marker for each incarnation, written before it begins and removed after it ended: it may
//! stand for a store that is not there (any more), and none that is there lacks one. Stores of old
//! formats had none; those are marked by whoever first asks, and a key says that it was done.

use std::collections::{BTreeSet, HashSet};

use super::error::StoreError;
use super::newest::current;
use crate::home::{Home, began_ms};
use crate::ids;
use crate::platform::Platform;

const FOLDER: &str = "catalog/";
/// Says that no store lacks a marker; sorts before all markers.
const COMPLETE: &str = "catalog/00000000000/complete/complete";
/// Digits of a time; larger than any is the time of nothing.
const LATEST: u64 = 0xfff_ffff_ffff;

/// Where a marker of a store stands; the newest is the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marked {
    /// Sorts the newest first.
    order: String,
    /// The store.
    pub store: String,
    /// Its incarnation.
    pub incarnation: String,
}

impl Marked {
    /// The place of an incarnation, whether or not it has a marker.
    pub fn of(home: &Home) -> Self {
        let order = LATEST.saturating_sub(since_ms(home));
        Self {
            order: format!("{order:011x}"),
            store: home.store.clone(),
            incarnation: home.incarnation.clone(),
        }
    }

    fn parse(key: &str) -> Option<Self> {
        let mut parts = key.strip_prefix(FOLDER)?.split('/');
        let marked = Self {
            order: parts.next()?.to_owned(),
            store: parts.next()?.to_owned(),
            incarnation: parts.next()?.to_owned(),
        };
        (key != COMPLETE).then_some(marked)
    }

    fn key(&self) -> String {
        format!("{FOLDER}{}/{}/{}", self.order, self.store, self.incarnation)
    }

    /// Where the incarnation's objects are.
    pub fn home(&self) -> Home {
        Home::new(&self.store, &self.incarnation)
    }
}

/// When a store was made; of those that were made before there were incarnations, its id may tell.
fn since_ms(home: &Home) -> u64 {
    match began_ms(&home.incarnation) {
        Some(0) | None => ids::made_ms(&home.store, ids::STORE_PREFIX).unwrap_or(0),
        Some(began) => began,
    }
}

/// Notes that an incarnation may begin.
pub fn add(platform: Platform<'_>, home: &Home) -> Result<(), StoreError> {
    Ok(platform.objects.put(&Marked::of(home).key(), b"{}")?)
}

/// Notes that an incarnation has ended.
pub fn remove(platform: Platform<'_>, home: &Home) -> Result<(), StoreError> {
    Ok(platform.objects.delete(&Marked::of(home).key())?)
}

/// All markers, the newest store first.
pub fn all(platform: Platform<'_>) -> Result<Vec<Marked>, StoreError> {
    match is_complete(platform)? {
        true => listed(platform),
        false => Ok(complete(platform)?.into_iter().collect()),
    }
}

/// The markers after that one, the newest store first, `limit` at most.
pub fn after(
    platform: Platform<'_>,
    home: Option<&Home>,
    limit: u32,
) -> Result<Vec<Marked>, StoreError> {
    let place = home.map(Marked::of);
    if !is_complete(platform)? {
        let all = complete(platform)?.into_iter();
        let rest = all.filter(|marked| place.as_ref().is_none_or(|place| marked > place));
        return Ok(rest.take(limit as usize).collect());
    }
    let after = place.map_or_else(|| COMPLETE.to_owned(), |place| place.key());
    let listed = platform.objects.list(FOLDER, Some(&after), limit)?;
    Ok(listed
        .iter()
        .filter_map(|meta| Marked::parse(&meta.key))
        .collect())
}

fn listed(platform: Platform<'_>) -> Result<Vec<Marked>, StoreError> {
    let listed = platform.objects.list_all(FOLDER)?;
    Ok(listed
        .iter()
        .filter_map(|meta| Marked::parse(&meta.key))
        .collect())
}

fn is_complete(platform: Platform<'_>) -> Result<bool, StoreError> {
    Ok(platform.objects.exists(COMPLETE)?)
}

/// All markers, and those that stores lack, which are added where the caller may write.
fn complete(platform: Platform<'_>) -> Result<BTreeSet<Marked>, StoreError> {
    let stores = platform.objects.folders("stores/")?;
    let mut marked: BTreeSet<Marked> = listed(platform)?.into_iter().collect();
    let known: HashSet<String> = marked.iter().map(|marked| marked.store.clone()).collect();
    let mut is_noted = true;
    for store in stores.iter().filter(|store| !known.contains(*store)) {
        let Some(manifest) = current(platform, store)? else {
            continue;
        };
        let home = manifest.home();
        is_noted &= add(platform, &home).is_ok();
        marked.insert(Marked::of(&home));
    }
    if is_noted {
        // Where it fails the next caller looks again.
        let _ = platform.objects.put(COMPLETE, b"{}");
    }
    Ok(marked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{MemoryObjects, Objects};
    use crate::platform::Clock;
    use crate::store::{Embedding, Manifest, StoreInfo, create, manifest_key};

    struct Still;

    impl Clock for Still {
        fn now_ms(&self) -> u64 {
            1_700_000_000_000
        }

        fn random(&self) -> u64 {
            7
        }

        fn pause(&self, _: u64) {}
    }

    fn first(id: &str) -> Manifest {
        Manifest::first(StoreInfo {
            id: id.to_owned(),
            name: None,
            created_at: 0,
            description: None,
            metadata: Default::default(),
            expires_after: None,
            embedding: Embedding {
                model: "m".to_owned(),
                dimension: None,
                metric: "cosine".to_owned(),
            },
        })
    }

    /// A store as it was made before there were markers.
    fn make_old(objects: &MemoryObjects, id: &str) {
        let mut old = serde_json::to_value(first(id)).unwrap();
        old["format"] = 2.into();
        old["version"] = 1.into();
        let data = serde_json::to_vec(&old).unwrap();
        objects.put(&manifest_key(id, 1), &data).unwrap();
    }

    fn stores(marked: &[Marked]) -> Vec<&str> {
        marked.iter().map(|marked| marked.store.as_str()).collect()
    }

    #[test]
    fn stores_without_markers_are_listed_by_their_age_and_marked_once() {
        let objects = MemoryObjects::default();
        let platform = Platform::new(&objects, &Still);
        let (older, newer) = (
            "vs_0190000000000000000000000000",
            "vs_0190000000100000000000000000",
        );
        for id in [older, "vs_nabcdefabcdefabcdefabcdef", newer] {
            make_old(&objects, id);
        }
        create(platform, &first("vs_made")).unwrap();
        let expected = ["vs_made", newer, older, "vs_nabcdefabcdefabcdefabcdef"];
        assert_eq!(stores(&after(platform, None, 9).unwrap()), expected);
        assert!(is_complete(platform).unwrap());
        let all = all(platform).unwrap();
        assert_eq!(stores(&all), expected);
        assert_eq!(stores(&after(platform, None, 2).unwrap()), expected[..2]);
        let rest = after(platform, Some(&all[1].home()), 9).unwrap();
        assert_eq!(stores(&rest), expected[2..]);
    }
}
