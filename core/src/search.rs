//! Searching a store: its live rows, newest wins, best first.

mod base;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::filter::Filter;
use crate::objects::Part;
use crate::objects::ahead::ReadAhead;
use crate::platform::Platform;
use crate::segment::{self, Hit, Located, Query, Row, Scope, SegmentMeta};
use crate::store::{FileEntry, Finding, Live, Manifest, StoreError, dead, live_rows, runs};

pub use base::{BaseHit, BaseIndex};

/// What is looked for.
pub struct Search<'a, E> {
    /// One or more queries; a passage counts with the one it fits best.
    pub queries: &'a [Query],
    /// The most passages.
    pub limit: usize,
    /// The least score, in `0.0..=1.0`.
    pub threshold: f32,
    /// Which files are looked at.
    pub filter: Option<&'a Filter>,
    /// The native index over the store's base, where it has one. Without it, or where it cannot
    /// be had, the base's rows are scanned as all others are.
    pub base: Option<&'a dyn BaseIndex<E>>,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The file that it is of.
    pub file: FileEntry,
    /// The passage.
    pub row: Row,
    /// Its similarity, from 0 to 1.
    pub score: f32,
}

/// The best passages of a version of a store, best first; of equal ones, the older first.
///
/// Only rows of a file's newest ingestion are found, and none of a file that was taken out. Reads
/// the entries of those files alone that it answers, and with a filter the columns that it names.
pub fn search<E: From<StoreError>>(
    platform: Platform<'_>,
    manifest: &Manifest,
    wanted: &Search<'_, E>,
) -> Result<Vec<Found>, E> {
    let ahead = ReadAhead::new(platform.objects);
    let platform = Platform {
        objects: &ahead,
        ..platform
    };
    if wanted.filter.is_none() {
        ahead.fetch(opening(manifest));
    }
    let live = live_rows(platform, manifest, wanted.filter)?;
    let metas = manifest.segments.iter().map(|segment| &segment.meta);
    let mut metas: Vec<&SegmentMeta> = metas.filter(|meta| live.contains_key(&meta.id)).collect();
    let found = base::find(&live, wanted, &metas)?;
    if let Some(found) = &found {
        metas.retain(|meta| meta.base.is_none() || found.contains_key(meta.id.as_str()));
    }
    let home = manifest.home();
    let segments = segment::open(platform.objects, &home, &metas).map_err(StoreError::from)?;
    let scopes: Vec<Scope<'_>> = segments
        .iter()
        .map(|segment| Scope {
            segment,
            live: rows_of(&live, segment.meta()).to_vec(),
            found: found
                .as_ref()
                .and_then(|found| found.get(segment.meta().id.as_str()).cloned()),
        })
        .collect();
    let found = segment::search(platform.objects, &scopes, wanted.queries, wanted.limit)
        .map_err(StoreError::from)?;
    let hits = best(found, wanted);
    Ok(describe(platform, &ahead, manifest, &scopes, &hits)?)
}

/// What a search without a filter reads before it looks through anything: bitmaps of dead rows, tails of
/// segments, roots of runs. Of a base that has an index no tails, as it may say that few of them are needed;
/// and nothing of what is damaged, which is told by whoever reads it for itself.
fn opening(manifest: &Manifest) -> Vec<Part> {
    let home = manifest.home();
    let metas = manifest.segments.iter().map(|segment| &segment.meta);
    let metas = metas.filter(|meta| manifest.index.is_none() || meta.base.is_none());
    let mut parts = dead::reading(&home, &manifest.segments);
    parts.extend(segment::opening(&home, &metas.collect::<Vec<_>>()).unwrap_or_default());
    parts.extend(runs::reading(&home, &manifest.runs).unwrap_or_default());
    parts
}

fn rows_of<'a>(live: &'a Live, meta: &SegmentMeta) -> &'a [Range<u32>] {
    live.get(&meta.id).map_or(&[], Vec::as_slice)
}

/// Joins the hits of all queries: each row once, with its best score.
fn best<E>(found: Vec<Vec<Hit>>, wanted: &Search<'_, E>) -> Vec<Hit> {
    let mut hits: Vec<Hit> = found.into_iter().flatten().collect();
    hits.sort_by(|a, b| {
        (a.scope, a.row)
            .cmp(&(b.scope, b.row))
            .then(b.score.total_cmp(&a.score))
    });
    hits.dedup_by_key(|hit| (hit.scope, hit.row));
    // Stable: equal scores stay in the order of segments and rows.
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.retain(|hit| hit.score.max(0.0) >= wanted.threshold);
    hits.truncate(wanted.limit);
    hits
}

fn describe(
    platform: Platform<'_>,
    ahead: &ReadAhead<'_>,
    manifest: &Manifest,
    scopes: &[Scope<'_>],
    hits: &[Hit],
) -> Result<Vec<Found>, StoreError> {
    let wanted: Vec<_> = hits
        .iter()
        .map(|hit| (scopes[hit.scope].segment, hit.row))
        .collect();
    let located = Located::of(platform.objects, &wanted)?;
    let ids: BTreeSet<String> = located.file_ids().map(str::to_owned).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let finding = Finding::begin(platform, manifest, &ids)?;
    ahead.fetch([located.reading(), finding.reading()].concat());
    let rows = located.with_texts(platform.objects)?;
    let files: BTreeMap<String, FileEntry> = finding.finish(platform)?;
    let found = hits.iter().zip(&rows).filter_map(|(hit, row)| {
        let file = files.get(&row.file_id)?;
        // Newest wins, whatever a bitmap says.
        let segment = &scopes[hit.scope].segment.meta().id;
        file.holds(segment, hit.row).then(|| Found {
            file: file.clone(),
            row: row.clone(),
            score: hit.score.clamp(0.0, 1.0),
        })
    });
    Ok(found.collect())
}
