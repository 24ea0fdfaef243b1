//! Stores by their names.
//!
//! A name has ids of its own, derived from it: the first store of that name has the first of them, whoever
//! makes it, and a later one the next, where those before are called otherwise by now or have expired.
//! Another one that is given the name, by being made beside the first or by being renamed, has an id that
//! tells nothing. All but the first id are noted below the name's. A note proves nothing: the store itself
//! says what it is called. No two notes have one key: a scrub removes only what it has seen.

use crate::ids;
use crate::objects::ObjectMeta;
use crate::platform::Platform;
use crate::store::{self, Manifest, SCRUB_AFTER_MS, StoreError};

const FOLDER: &str = "names/";

/// What an id or a name means.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// This store.
    One(Box<Manifest>),
    /// One of these, by their ids: they have the same name.
    Several(Vec<String>),
    /// No store.
    None,
}

/// How many ids are derived from a name. Where all of them are taken, of two that make the next one at once
/// each makes its own.
const DERIVED: u32 = 8;

/// The store that an id or a name means: of a name the first one that had it, if it still has it, or else
/// those that have it now. One that has expired is meant where no other is.
pub fn find_store(platform: Platform<'_>, id_or_name: &str) -> Result<Named, StoreError> {
    let Some(id) = ids::store_id(id_or_name) else {
        return Ok(Named::None);
    };
    let own = store::current(platform, &id)?;
    if id == id_or_name {
        return Ok(own.map_or(Named::None, |own| Named::One(Box::new(own))));
    }
    match own.filter(|own| is_called(own, id_or_name)) {
        Some(own) if !own.is_expired(platform.now_ms()) => Ok(Named::One(Box::new(own))),
        own => among_noted(platform, &id, id_or_name, own),
    }
}

/// As [`find_store`], and makes the store of a name that no living one has; `first` gives its first version.
pub fn find_or_make_store(
    platform: Platform<'_>,
    name: &str,
    first: impl Fn(String) -> Manifest,
) -> Result<Named, StoreError> {
    let is_of_use = |found: &Manifest| !found.is_expired(platform.now_ms());
    let found = find_store(platform, name)?;
    let own = match (&found, ids::store_id(name)) {
        (Named::None, Some(own)) => own,
        (Named::One(one), Some(own)) if own != name && !is_of_use(one) => own,
        _ => return Ok(found),
    };
    for nth in 0..DERIVED {
        let id = ids::nth_of_name(&own, nth);
        let made = match store::current(platform, &id)? {
            Some(present) => present,
            None => {
                note_name(platform, &id, Some(name))?;
                // Of several at once that make it one does, and all find that one.
                store::create(platform, &first(id))?
            }
        };
        if is_called(&made, name) && is_of_use(&made) {
            return Ok(Named::One(Box::new(made)));
        }
    }
    Ok(Named::One(Box::new(beside(platform, first)?)))
}

/// Makes a store, also where there is one of its name; `first` gives its first version.
pub fn make_store(
    platform: Platform<'_>,
    name: Option<&str>,
    first: impl Fn(String) -> Manifest,
) -> Result<Manifest, StoreError> {
    if let Some(id) = name.and_then(id_of_name)
        && let Some(made) = store::create_new(platform, &first(id))?
    {
        return Ok(made);
    }
    beside(platform, first)
}

fn beside(
    platform: Platform<'_>,
    first: impl Fn(String) -> Manifest,
) -> Result<Manifest, StoreError> {
    let first = first(platform.new_id(ids::STORE_PREFIX));
    note_name(platform, &first.store.id, first.store.name.as_deref())?;
    store::create(platform, &first)
}

/// Notes that a store is called so, before it is.
pub fn note_name(
    platform: Platform<'_>,
    store: &str,
    name: Option<&str>,
) -> Result<(), StoreError> {
    let Some(own) = name.and_then(id_of_name).filter(|own| own != store) else {
        return Ok(());
    };
    let key = format!("{FOLDER}{own}/{store}.{}", platform.new_id(""));
    Ok(platform.objects.put(&key, b"{}")?)
}

/// Removes notes of names that no store has, and all but the newest of those that one has.
pub fn scrub_names(platform: Platform<'_>) -> Result<(), StoreError> {
    let now_ms = platform.now_ms();
    let is_old = |meta: &&ObjectMeta| meta.modified_ms.saturating_add(SCRUB_AFTER_MS) <= now_ms;
    let listed = platform.objects.list_all(FOLDER)?;
    let mut stale = Vec::new();
    for notes in listed.chunk_by(|one, other| parse(&one.key) == parse(&other.key)) {
        let Some((newest, others)) = notes.split_last() else {
            continue;
        };
        stale.extend(others.iter().filter(is_old));
        if is_old(&newest) && !is_true(platform, &newest.key)? {
            stale.push(newest);
        }
    }
    let stale: Vec<String> = stale.into_iter().map(|meta| meta.key.clone()).collect();
    Ok(platform.objects.delete_many(&stale)?)
}

/// Whether a note says what its store does.
fn is_true(platform: Platform<'_>, note: &str) -> Result<bool, StoreError> {
    let Some((own, store)) = parse(note) else {
        return Ok(true);
    };
    let newest = store::current(platform, store)?;
    let name = newest.and_then(|newest| newest.store.name);
    Ok(name.as_deref().and_then(id_of_name).as_deref() == Some(own))
}

/// The first id of a note's name, and its store.
fn parse(note: &str) -> Option<(&str, &str)> {
    let (own, rest) = note.strip_prefix(FOLDER)?.split_once('/')?;
    Some((own, rest.split('.').next()?))
}

/// Of the stores that are noted to be called so, those that are, and `own`, which has expired: those that
/// live, or where none does, those that have expired.
fn among_noted(
    platform: Platform<'_>,
    own_id: &str,
    name: &str,
    own: Option<Manifest>,
) -> Result<Named, StoreError> {
    let noted = platform.objects.list_all(&format!("{FOLDER}{own_id}/"))?;
    let noted = noted.iter().filter_map(|meta| parse(&meta.key));
    let mut stores: Vec<&str> = noted.map(|(_, store)| store).collect();
    stores.dedup();
    let mut found: Vec<Manifest> = own.into_iter().collect();
    for store in stores {
        let newest = store::current(platform, store)?;
        found.extend(newest.filter(|newest| is_called(newest, name)));
    }
    let (expired, living): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|one| one.is_expired(platform.now_ms()));
    let mut meant = if living.is_empty() { expired } else { living };
    match meant.len() {
        0 | 1 => Ok(meant
            .pop()
            .map_or(Named::None, |one| Named::One(Box::new(one)))),
        _ => Ok(Named::Several(
            meant.into_iter().map(|one| one.store.id).collect(),
        )),
    }
}

fn is_called(manifest: &Manifest, name: &str) -> bool {
    manifest.store.name.as_deref() == Some(name)
}

/// `None` of what is taken for an id where it stands for a store.
fn id_of_name(name: &str) -> Option<String> {
    ids::store_id(name).filter(|id| id != name)
}
