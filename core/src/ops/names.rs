//! Stores by their names.
//!
//! A name has an id of its own, derived from it: the first store of that name has that id, whoever makes
//! it. Another one that is given the name, by being made beside the first or by being renamed, has an id
//! that tells nothing, so it is noted below the name's. A note proves nothing: the store itself says what
//! it is called.

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

/// The store that an id or a name means: of a name the first one that had it, if it still has it, or else
/// those that have it now.
pub fn find_store(platform: Platform<'_>, id_or_name: &str) -> Result<Named, StoreError> {
    let Some(id) = ids::store_id(id_or_name) else {
        return Ok(Named::None);
    };
    let own = store::current(platform, &id)?;
    match own.filter(|own| own.store.id == id_or_name || is_called(own, id_or_name)) {
        Some(own) => Ok(Named::One(Box::new(own))),
        None if id == id_or_name => Ok(Named::None),
        None => noted(platform, &id, id_or_name),
    }
}

/// As [`find_store`], and makes the store of a name that there is none of; `first` gives its first version.
pub fn find_or_make_store(
    platform: Platform<'_>,
    name: &str,
    first: impl Fn(String) -> Manifest,
) -> Result<Named, StoreError> {
    let found = find_store(platform, name)?;
    let (Named::None, Some(id)) = (&found, ids::store_id(name)) else {
        return Ok(found);
    };
    // Of several at once that make it one does, and all find that one.
    let made = store::create(platform, &first(id))?;
    match is_called(&made, name) {
        true => Ok(Named::One(Box::new(made))),
        // The name's id was taken by one that is called otherwise by now.
        false => Ok(Named::One(Box::new(beside(platform, first)?))),
    }
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
    match name.and_then(id_of_name) {
        Some(own) if own != store => Ok(platform
            .objects
            .put(&format!("{FOLDER}{own}/{store}"), b"{}")?),
        _ => Ok(()),
    }
}

/// Removes notes of names that no store has.
pub fn scrub_names(platform: Platform<'_>) -> Result<(), StoreError> {
    let is_old =
        |meta: &ObjectMeta| meta.modified_ms.saturating_add(SCRUB_AFTER_MS) <= platform.now_ms();
    let mut stale = Vec::new();
    for meta in platform.objects.list_all(FOLDER)? {
        let rest = meta.key.strip_prefix(FOLDER).unwrap_or_default();
        let Some((own, store)) = rest.split_once('/') else {
            continue;
        };
        let is_own = |newest: Manifest| newest.store.name.as_deref().and_then(id_of_name);
        let called = store::current(platform, store)?.and_then(is_own);
        if is_old(&meta) && called.as_deref() != Some(own) {
            stale.push(meta.key);
        }
    }
    Ok(platform.objects.delete_many(&stale)?)
}

fn noted(platform: Platform<'_>, own: &str, name: &str) -> Result<Named, StoreError> {
    let folder = format!("{FOLDER}{own}/");
    let mut found = Vec::new();
    for meta in platform.objects.list_all(&folder)? {
        let store = meta.key.strip_prefix(&folder).unwrap_or_default();
        let newest = store::current(platform, store)?;
        found.extend(newest.filter(|newest| is_called(newest, name)));
    }
    let only = match found.len() {
        0 | 1 => found.pop(),
        _ => {
            return Ok(Named::Several(
                found.into_iter().map(|one| one.store.id).collect(),
            ));
        }
    };
    Ok(only.map_or(Named::None, |one| Named::One(Box::new(one))))
}

fn is_called(manifest: &Manifest, name: &str) -> bool {
    manifest.store.name.as_deref() == Some(name)
}

/// `None` of what is taken for an id where it stands for a store.
fn id_of_name(name: &str) -> Option<String> {
    ids::store_id(name).filter(|id| id != name)
}
