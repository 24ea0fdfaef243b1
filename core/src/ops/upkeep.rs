//! What is done for a store now and again, whoever asks: compaction, garbage, expiry, the scrub.

use std::collections::{HashMap, HashSet};

use super::idempotency;
use crate::files;
use crate::home::Home;
use crate::mutants::{Mutant, active};
use crate::objects::{ObjectMeta, Objects};
use crate::pending::{self, Pending, PendingError, Status};
use crate::platform::Platform;
use crate::store::{self, Manifest, SCRUB_AFTER_MS, StoreError, Upkeep};

/// Keys of files looked at in one request.
const PAGE: u32 = 1_000;
/// The object of a file's folder that makes it exist.
const META: &str = "meta.json";

/// What a request does for a store that it changed, after its answer: keeps it in few objects and
/// removes what is due. Bounded, and nothing depends on it: a later one goes on.
pub fn after_commit(
    platform: Platform<'_>,
    committed: &Manifest,
    upkeep: &Upkeep,
) -> Result<(), StoreError> {
    store::tidy(platform, committed)?;
    let Upkeep { worker, indexing } = upkeep;
    if store::is_compaction_due(committed, *indexing, platform.now_ms()) {
        store::compact(platform, &committed.store.id, worker, *indexing, false)?;
    }
    Ok(())
}

/// What is done for a store now and again, whether or not anybody changes it: compaction, garbage,
/// ends that are old, its expiry, and with `scrub` what belongs to nothing. Answers how many
/// objects a scrub removed.
pub fn look_after(
    platform: Platform<'_>,
    store: &str,
    upkeep: &Upkeep,
    scrub: bool,
) -> Result<usize, PendingError> {
    let began_ms = platform.now_ms();
    move_over(platform, store)?;
    let Some(newest) = store::newest(platform, store)? else {
        return Ok(0);
    };
    // Also those that late writers created under numbers that were free.
    store::prune_all(platform, &newest)?;
    if newest.deleted {
        if scrub {
            remove_former_lives(platform, store, began_ms)?;
        }
        return Ok(0);
    }
    let home = newest.home();
    let now_s = platform.now_ms() / 1_000;
    let grace_s = store::GRACE_MS / 1_000;
    if newest.expires_at().is_some_and(|at| at + grace_s <= now_s) {
        let home = store::delete(platform, &newest)?;
        store::finish_deletion(platform, &home)?;
        return Ok(0);
    }
    after_commit(platform, &newest, upkeep)?;
    while store::collect_garbage(platform, &newest)? {}
    store::collect_noted_garbage(platform, &newest)?;
    pending::forget_old_ends(platform, &home)?;
    match scrub && !active(Mutant::NoScrub) {
        true => scrub_store(platform, store),
        false => Ok(0),
    }
}

fn scrub_store(platform: Platform<'_>, store: &str) -> Result<usize, PendingError> {
    // Before anything is read: what comes while this stands still is not old, however long it does.
    let began_ms = platform.now_ms();
    remove_former_lives(platform, store, began_ms)?;
    let Some(newest) = store::current(platform, store)? else {
        return Ok(0);
    };
    // After the version: an ingestion that is committed in between is named by neither otherwise.
    let tickets = pending::all_tickets(platform.objects, &newest.home())?;
    let ingesting: HashSet<String> = tickets.into_iter().map(|one| one.ingest_id).collect();
    Ok(store::scrub(platform, &newest, &ingesting, began_ms)?)
}

/// Removes folders of incarnations that have ended and whose deletion nobody goes on with: those
/// that were old when this was set about.
fn remove_former_lives(
    platform: Platform<'_>,
    store: &str,
    set_about_ms: u64,
) -> Result<(), StoreError> {
    let Some(newest) = store::newest(platform, store)? else {
        return Ok(());
    };
    let folder = format!("stores/{store}/");
    for name in platform.objects.folders(&folder)? {
        let is_present = !newest.deleted && newest.incarnation == name;
        let began_ms = crate::ids::made_ms(&name, crate::home::INCARNATION_PREFIX);
        let is_old = began_ms.is_some_and(|began| began + SCRUB_AFTER_MS <= set_about_ms);
        if !is_present && is_old {
            let home = Home::new(store, &name);
            platform.objects.delete_all(&home.folder())?;
            platform.objects.delete_all(&home.queue())?;
        }
    }
    Ok(())
}

fn move_over(platform: Platform<'_>, store: &str) -> Result<(), PendingError> {
    if !store::is_old(platform, store)? {
        return Ok(());
    }
    store::clean_old(platform, store, |newest, record| {
        // A record that cannot be read was none yesterday, either.
        let Ok(old) = serde_json::from_slice::<Pending>(record) else {
            return Ok(());
        };
        let key = match old.status {
            Status::InProgress => old.ticket(&newest.home()).key(),
            Status::Failed => pending::failed_key(&newest.home(), &old.file_id, &old.ingest_id),
            Status::Completed | Status::Cancelled => return Ok(()),
        };
        Ok(platform.objects.put(&key, record)?)
    })?;
    Ok(())
}

/// Removes markers of stores that were never made, or whose deletion forgot them.
pub fn scrub_catalog(platform: Platform<'_>) -> Result<(), StoreError> {
    for marked in store::all_marked(platform)? {
        let home = Home::new(&marked.store, &marked.incarnation);
        let began_ms = crate::ids::made_ms(&marked.incarnation, crate::home::INCARNATION_PREFIX);
        let is_old = began_ms.is_some_and(|began| began + SCRUB_AFTER_MS <= platform.now_ms());
        if !is_old {
            continue;
        }
        let newest = store::current(platform, &marked.store)?;
        if newest.is_none_or(|newest| newest.incarnation != marked.incarnation) {
            store::unmark(platform, &home)?;
        }
    }
    Ok(())
}

/// Removes what is left of files that never came to be or are gone, and of requests that nobody
/// repeats any more, from `place` on; answers where to go on, `None` at the end. A bounded piece of work.
pub fn scrub_files(
    platform: Platform<'_>,
    place: Option<&str>,
) -> Result<Option<String>, PendingError> {
    let objects = platform.objects;
    let is_file = place.is_some_and(|place| place.starts_with(files::FOLDER));
    let folder = match is_file {
        true => files::FOLDER,
        false => idempotency::FOLDER,
    };
    let listed = objects.list(folder, place, PAGE)?;
    let is_old =
        |meta: &&ObjectMeta| meta.modified_ms.saturating_add(SCRUB_AFTER_MS) <= platform.now_ms();
    let old = listed.iter().filter(is_old).map(|meta| meta.key.clone());
    let doomed = match is_file {
        true => of_no_file(objects, &listed, old)?,
        false => old.collect(),
    };
    objects.delete_many(&doomed)?;
    Ok(match (listed.len() < PAGE as usize, is_file) {
        (true, true) => None,
        (true, false) => Some(files::FOLDER.to_owned()),
        (false, _) => listed.last().map(|meta| meta.key.clone()),
    })
}

/// Those of `keys` that are in the folder of a file that is not there, and not being deleted: its
/// deletion still needs to know in which stores it is.
fn of_no_file(
    objects: &dyn Objects,
    listed: &[ObjectMeta],
    keys: impl Iterator<Item = String>,
) -> Result<Vec<String>, PendingError> {
    // What makes a file exist is mostly on the same page.
    let mut known: HashMap<String, bool> = listed
        .iter()
        .filter_map(|meta| file_of(&meta.key))
        .filter(|(_, name)| *name == META)
        .map(|(file_id, _)| (file_id.to_owned(), true))
        .collect();
    let mut doomed = Vec::new();
    for key in keys {
        let Some((file_id, _)) = file_of(&key) else {
            continue;
        };
        let is_known = match known.get(file_id) {
            Some(is_known) => *is_known,
            None => {
                // In this order: a deletion is recorded before the file is gone.
                let is_known = objects.exists(&files::meta_key(file_id))?
                    || files::is_being_deleted(objects, file_id)?;
                known.insert(file_id.to_owned(), is_known);
                is_known
            }
        };
        if !is_known {
            doomed.push(key);
        }
    }
    Ok(doomed)
}

/// The file in whose folder an object is, and the rest of its key.
fn file_of(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(files::FOLDER)?.split_once('/')
}
