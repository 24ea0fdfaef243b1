//! Keeping a store's tail short: what has gathered there becomes a base, and small segments
//! become larger ones.

use std::collections::HashSet;

use super::{Manifest, Table, change, keys};
use crate::error::ApiError;
use crate::json;
use crate::objects::Objects;
use crate::segment::{self, SegmentError, SegmentMeta, SegmentSpec, SegmentWriter, max_rows};

/// A fold is tried when the tail has reached this length, and again with every
/// [`FOLD_STEP`]th entry until one succeeds.
pub const FOLD_LENGTH: usize = 64;
const FOLD_STEP: usize = 16;

/// How segments are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexing {
    /// From this many rows on a segment gets a graph.
    pub graph_min_rows: u32,
    /// A segment is closed at this many rows.
    pub segment_max_rows: u32,
}

impl Manifest {
    /// Whether the request that committed this version should fold it. Of the requests that
    /// append at the same time only few are told so.
    pub fn is_fold_due(&self) -> bool {
        self.tail.len() >= FOLD_LENGTH && self.tail.len().is_multiple_of(FOLD_STEP)
    }
}

/// Moves the tail of `manifest` into a new base and merges its small segments. What was
/// appended meanwhile stays in the tail; when anything else changed, nothing is done.
///
/// `new_id` answers a fresh identifier at each call. Memory is that of one segment being
/// written and one batch being read. Cost: the small segments, and a table of all files.
pub fn fold(
    objects: &dyn Objects,
    manifest: &Manifest,
    indexing: Indexing,
    now_ms: u64,
    mut new_id: impl FnMut() -> String,
) -> Result<(), ApiError> {
    let store = &manifest.store.id;
    let old = Table::of(objects, manifest)?;
    let mut table = old.clone();
    let mut merged: Vec<SegmentMeta> = Vec::new();
    let prepared = merge_small(
        objects,
        manifest,
        indexing,
        &mut table,
        &mut merged,
        &mut new_id,
    )
    .and_then(|()| {
        let base = new_id();
        write_table(objects, store, &base, &table)?;
        Ok(base)
    });
    let base = match prepared {
        Ok(base) => base,
        Err(error) => {
            discard(objects, store, &merged);
            return Err(error);
        }
    };
    // After an error a version may name them or not: then they stay, inert at worst.
    if !commit(objects, manifest, &base, &old, &table, now_ms)? {
        discard(objects, store, &merged);
        objects.delete(&keys::base_table(store, &base))?;
    }
    Ok(())
}

pub(crate) fn write_table(
    objects: &dyn Objects,
    store: &str,
    base: &str,
    table: &Table,
) -> Result<(), ApiError> {
    let data = json::to_vec(table, "The table cannot be written")?;
    Ok(objects.put(&keys::base_table(store, base), &data)?)
}

/// Removes segments that no version names. What cannot be removed now is inert.
fn discard(objects: &dyn Objects, store: &str, segments: &[SegmentMeta]) {
    segments
        .iter()
        .flat_map(|meta| meta.keys(store))
        .for_each(|key| drop(objects.delete(&key)));
}

/// Whether a version with this base came to be.
fn commit(
    objects: &dyn Objects,
    folded: &Manifest,
    base: &str,
    old: &Table,
    table: &Table,
    now_ms: u64,
) -> Result<bool, ApiError> {
    let mut committed = false;
    change(objects, &folded.store.id, now_ms, |newest| {
        // An earlier try of this very commit, whose answer said otherwise.
        committed = newest
            .base
            .as_ref()
            .is_some_and(|present| present.id == base);
        if committed {
            return Ok(None);
        }
        committed = newest.base == folded.base && newest.tail.starts_with(&folded.tail);
        if !committed {
            return Ok(None);
        }
        let mut next = newest.folded(base, table, now_ms);
        next.tail = newest.tail[folded.tail.len()..].to_vec();
        let gone = old
            .segments
            .keys()
            .filter(|id| !table.segments.contains_key(*id));
        gone.for_each(|id| next.discard_segment(old, id, now_ms));
        Ok(Some(next))
    })?;
    Ok(committed)
}

/// Merges segments of less than half the size that one may have, like with like.
fn merge_small(
    objects: &dyn Objects,
    manifest: &Manifest,
    indexing: Indexing,
    table: &mut Table,
    merged: &mut Vec<SegmentMeta>,
    new_id: &mut impl FnMut() -> String,
) -> Result<(), ApiError> {
    let Some(dimension) = manifest.store.embedding.dimension else {
        return Ok(());
    };
    let most = max_rows(indexing.segment_max_rows, dimension);
    for group in groups(table, most) {
        let spec = SegmentSpec {
            store: manifest.store.id.clone(),
            id: format!("seg-{}", new_id()),
            model: manifest.store.embedding.model.clone(),
            dimension,
            graph_min_rows: indexing.graph_min_rows,
            base: None,
        };
        let meta = merge(objects, table, spec, &group)?;
        merged.push(meta.clone());
        table.replace(&group, meta);
    }
    Ok(())
}

/// Segments to merge: small ones from the smallest on, as long as the next is not much larger than
/// what has gathered. So a row is rewritten about as often as its segment's size quadruples, and
/// of each size few segments stay.
fn groups(table: &Table, most: u32) -> Vec<Vec<SegmentMeta>> {
    const LIKE: u32 = 4;
    const LEAST: u32 = 256;
    let mut small: Vec<&SegmentMeta> = table.segments.values().collect();
    // The rows of an indexed base stay as its index numbers them.
    small.retain(|meta| meta.rows < most / 2 && meta.base.is_none());
    small.sort_by_key(|meta| meta.rows);
    let mut groups: Vec<Vec<SegmentMeta>> = Vec::new();
    let mut files = HashSet::new();
    let mut rows = 0;
    for meta in small {
        let fits = rows + meta.rows <= most && meta.rows <= LIKE * rows.max(LEAST);
        // The rows of one file have to follow one another.
        let apart = meta.files.iter().all(|run| !files.contains(&run.file_id));
        match groups.last_mut() {
            Some(group) if fits && apart => group.push(meta.clone()),
            _ => {
                groups.push(vec![meta.clone()]);
                files.clear();
                rows = 0;
            }
        }
        rows += meta.rows;
        files.extend(meta.files.iter().map(|run| run.file_id.clone()));
    }
    groups.retain(|group| group.len() > 1);
    groups
}

fn merge(
    objects: &dyn Objects,
    table: &Table,
    spec: SegmentSpec,
    group: &[SegmentMeta],
) -> Result<SegmentMeta, SegmentError> {
    let store = spec.store.clone();
    let metas: Vec<&SegmentMeta> = group.iter().collect();
    let mut writer = SegmentWriter::create(objects, spec)?;
    for source in segment::open(objects, &store, &metas)? {
        let meta = source.meta();
        let live = table.live_rows(meta);
        segment::each_row(objects, &source, &live, |row| writer.push(row))?;
    }
    writer.finish(objects)
}
