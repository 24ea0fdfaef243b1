use std::collections::HashSet;

use super::{attempt, progress};
use crate::error::ApiError;
use crate::objects::Objects;
use crate::segment;
use crate::store::{self, Manifest, Table};

/// What the names of all segments begin with that an ingestion writes.
pub fn segment_prefix(ingest_id: &str) -> String {
    format!("seg-{ingest_id}-")
}

/// Removes what is left of an ingestion that has ended: its attempts, its progress, and all of its
/// segments that no version of the store names. Answers whether it is committed.
///
/// The caller has made sure, durably, that nobody begins to commit it any more: its pending
/// record is gone, or says that it is not in progress. A commit that looked before that and is
/// still under way finds a newer version in its way, which this makes where it has to; so what is
/// removed here can never be committed later. Doing it again changes nothing.
pub fn conclude(
    objects: &dyn Objects,
    store: &str,
    file_id: &str,
    ingest_id: &str,
    now_ms: u64,
) -> Result<bool, ApiError> {
    let written = written(objects, store, ingest_id)?;
    let committed = match written.is_empty() {
        true => false,
        false => {
            let (named, committed) = fence(objects, store, file_id, ingest_id, now_ms)?;
            remove_unnamed(objects, &written, &named)?;
            committed
        }
    };
    attempt::forget(objects, store, ingest_id)?;
    progress::forget(objects, store, ingest_id)?;
    Ok(committed)
}

/// As [`conclude`], after this caller saw the ingestion committed in `newest`.
pub fn conclude_committed(
    objects: &dyn Objects,
    newest: &Manifest,
    ingest_id: &str,
) -> Result<(), ApiError> {
    remove_leftovers(objects, newest, ingest_id)?;
    attempt::forget(objects, &newest.store.id, ingest_id)?;
    progress::forget(objects, &newest.store.id, ingest_id)
}

/// Removes the segments of other attempts at an ingestion that is committed in `newest`.
pub fn remove_leftovers(
    objects: &dyn Objects,
    newest: &Manifest,
    ingest_id: &str,
) -> Result<(), ApiError> {
    let written = written(objects, &newest.store.id, ingest_id)?;
    let in_tail: HashSet<String> = tail_keys(newest).collect();
    if written.iter().all(|key| in_tail.contains(key)) {
        return Ok(());
    }
    remove_unnamed(objects, &written, &named(objects, newest)?)
}

/// The keys of an ingestion's segments.
fn written(objects: &dyn Objects, store: &str, ingest_id: &str) -> Result<Vec<String>, ApiError> {
    let folder = store::keys::segments(store);
    let metas = objects.list_all(&format!("{folder}{}", segment_prefix(ingest_id)))?;
    Ok(metas.into_iter().map(|meta| meta.key).collect())
}

/// Keys that the store names after all commits that were under way have ended, and whether the
/// ingestion is committed.
fn fence(
    objects: &dyn Objects,
    store: &str,
    file_id: &str,
    ingest_id: &str,
    now_ms: u64,
) -> Result<(HashSet<String>, bool), ApiError> {
    if store::current(objects, store)?.is_none() {
        // It was deleted, which is for ever: nothing of it is named.
        return Ok((HashSet::new(), false));
    }
    let mut committed = false;
    let newest = store::change(objects, store, now_ms, |newest| {
        let table = Table::of(objects, newest)?;
        committed = table.is_committed(file_id, ingest_id);
        Ok((!committed).then(|| newest.clone()))
    })?;
    Ok((named(objects, &newest)?, committed))
}

/// All keys that `newest` names, also those that readers of earlier versions may still be using.
fn named(objects: &dyn Objects, newest: &Manifest) -> Result<HashSet<String>, ApiError> {
    let table = Table::of(objects, newest)?;
    let live = table.segments.values();
    let live = live.flat_map(|segment| segment.keys(&newest.store.id));
    let superseded = newest.garbage.iter().map(|garbage| garbage.key.clone());
    Ok(live.chain(superseded).collect())
}

fn tail_keys(newest: &Manifest) -> impl Iterator<Item = String> {
    newest.tail.iter().flat_map(|entry| match entry {
        store::Entry::Add { segments, .. } => segments
            .iter()
            .flat_map(|segment| segment.keys(&newest.store.id))
            .collect(),
        _ => Vec::new(),
    })
}

fn remove_unnamed(
    objects: &dyn Objects,
    written: &[String],
    named: &HashSet<String>,
) -> Result<(), ApiError> {
    for key in written.iter().filter(|key| !named.contains(*key)) {
        objects.delete(key)?;
    }
    Ok(())
}

/// Removes segments that were written and that nobody can have heard of. What cannot be removed
/// now goes when the ingestion ends.
pub fn discard_unheard(objects: &dyn Objects, store: &str, segments: &[segment::SegmentMeta]) {
    for key in segments.iter().flat_map(|segment| segment.keys(store)) {
        let _ = objects.delete(&key);
    }
}
