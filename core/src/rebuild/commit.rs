use std::collections::BTreeMap;

use super::RebuildError;
use super::copy::Copied;
use crate::error::ApiError;
use crate::objects::Objects;
use crate::segment::SegmentMeta;
use crate::store::{IndexRef, Manifest, Table, change, current, keys, write_table};

/// Puts the base in the place of the rows that it was copied from: those of every file that is
/// still there as it was read. What was added or replaced meanwhile stays where it is, and what was
/// taken out stays out.
///
/// `still_wanted` is asked after each reading of the newest version and before the next is made.
/// After an error a version may name the base all the same.
pub(super) fn commit(
    objects: &dyn Objects,
    read: &Table,
    copied: &Copied,
    index: &IndexRef,
    store: &str,
    now_ms: u64,
    still_wanted: impl Fn() -> Result<bool, ApiError>,
) -> Result<(), RebuildError> {
    let mut overtaken = false;
    change(objects, store, now_ms, |newest| {
        // An earlier try of this very commit, whose answer said otherwise.
        if newest
            .index
            .as_ref()
            .is_some_and(|present| present.base == index.base)
        {
            return Ok(None);
        }
        if !still_wanted()? {
            overtaken = true;
            return Ok(None);
        }
        let present = Table::of(objects, newest)?;
        let table = joined(&present, read, copied);
        write_table(objects, store, &index.base, &table)?;
        Ok(Some(next(newest, &present, &table, index, now_ms)))
    })
    .map_err(|error| match error.status {
        404 => RebuildError::Gone,
        _ => error.into(),
    })?;
    match overtaken {
        true => Err(RebuildError::Overtaken),
        false => Ok(()),
    }
}

fn joined(present: &Table, read: &Table, copied: &Copied) -> Table {
    let mut table = Table::default();
    for (id, file) in &present.files {
        let mut file = file.clone();
        let same = read.is_committed(id, &file.ingest_id);
        if let (true, Some(segments)) = (same, copied.files.get(id)) {
            file.segments.clone_from(segments);
        }
        table.files.insert(id.clone(), file);
    }
    let candidates = present.segments.values().chain(&copied.segments);
    let live: BTreeMap<String, SegmentMeta> = candidates
        .filter(|meta| {
            meta.files
                .iter()
                .any(|run| table.is_live(&meta.id, &run.file_id))
        })
        .map(|meta| (meta.id.clone(), meta.clone()))
        .collect();
    table.segments = live;
    table
}

fn next(
    newest: &Manifest,
    present: &Table,
    table: &Table,
    index: &IndexRef,
    now_ms: u64,
) -> Manifest {
    let store = &newest.store.id;
    let mut next = newest.clone();
    next.index = Some(index.clone());
    let mut next = next.folded(&index.base, table, now_ms);
    let gone = present
        .segments
        .keys()
        .filter(|id| !table.segments.contains_key(*id));
    gone.for_each(|id| next.discard_segment(present, id, now_ms));
    if let Some(old) = &newest.index {
        next.discard_object(keys::index(store, &old.base), now_ms);
        next.discard_object(keys::base_files(store, &old.base), now_ms);
    }
    next
}

/// Removes what earlier tries of a job left behind: the folders of bases whose name begins with
/// `prefix`, but for those that the store names.
///
/// The caller has made sure, durably, that none of them commits any more where it looks after
/// this. One that looked before finds a newer version in its way, which this makes.
pub fn clear(
    objects: &dyn Objects,
    store: &str,
    prefix: &str,
    now_ms: u64,
) -> Result<(), ApiError> {
    let mut left = objects.folders(&keys::bases(store))?;
    left.retain(|base| base.starts_with(prefix));
    if left.is_empty() {
        return Ok(());
    }
    let named: Option<Manifest> = match current(objects, store)? {
        None => None,
        Some(_) => Some(change(objects, store, now_ms, |newest| {
            Ok(Some(newest.clone()))
        })?),
    };
    for base in left {
        let folder = keys::base(store, &base);
        let is_named = named.as_ref().is_some_and(|newest| {
            newest
                .base
                .as_ref()
                .is_some_and(|present| present.id == base)
                || newest
                    .index
                    .as_ref()
                    .is_some_and(|index| index.base == base)
                || newest
                    .garbage
                    .iter()
                    .any(|garbage| garbage.key.starts_with(&folder))
        });
        if is_named {
            continue;
        }
        for meta in objects.list_all(&folder)? {
            objects.delete(&meta.key)?;
        }
    }
    Ok(())
}
