//! Searching a store: its live rows, newest wins, best first.

mod base;

use crate::api::{SearchChunk, SearchResult, TextContent};
use crate::error::ApiError;
use crate::filter::Filter;
use crate::objects::Objects;
use crate::segment::{self, Hit, Query, Scope, SegmentMeta};
use crate::store::Table;

pub use base::{BaseHit, BaseIndex, live_in_base};

/// What is looked for.
#[derive(Clone)]
pub struct Search<'a> {
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
    pub base: Option<&'a dyn BaseIndex>,
}

/// The best passages of a store, best first; of equal ones, the older first.
///
/// Only rows of a file's newest ingestion are found, and none of a file that was taken out.
pub fn search(
    objects: &dyn Objects,
    store: &str,
    table: &Table,
    wanted: &Search<'_>,
) -> Result<Vec<SearchResult>, ApiError> {
    let mut metas: Vec<&SegmentMeta> = table
        .segments
        .values()
        .filter(|meta| !live_rows(table, wanted.filter, meta).is_empty())
        .collect();
    let found = base::find(table, wanted, &metas)?;
    if let Some(found) = &found {
        metas.retain(|meta| meta.base.is_none() || found.contains_key(meta.id.as_str()));
    }
    let segments = segment::open(objects, store, &metas)?;
    let scopes: Vec<Scope<'_>> = segments
        .iter()
        .map(|segment| Scope {
            segment,
            live: live_rows(table, wanted.filter, segment.meta()),
            found: found
                .as_ref()
                .and_then(|found| found.get(segment.meta().id.as_str()).cloned()),
        })
        .collect();
    let found = segment::search(objects, &scopes, wanted.queries, wanted.limit)?;
    let hits = best(found, wanted);
    describe(objects, table, &scopes, &hits)
}

fn live_rows(
    table: &Table,
    filter: Option<&Filter>,
    meta: &SegmentMeta,
) -> Vec<std::ops::Range<u32>> {
    meta.live_rows(|run| {
        let file_id = &meta.files[run].file_id;
        let passes = || match (filter, table.files.get(file_id)) {
            (Some(filter), Some(file)) => filter.matches(&file.attributes),
            _ => true,
        };
        table.is_live(&meta.id, file_id) && passes()
    })
}

/// Joins the hits of all queries: each row once, with its best score.
fn best(found: Vec<Vec<Hit>>, wanted: &Search<'_>) -> Vec<Hit> {
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
    objects: &dyn Objects,
    table: &Table,
    scopes: &[Scope<'_>],
    hits: &[Hit],
) -> Result<Vec<SearchResult>, ApiError> {
    let wanted: Vec<_> = hits
        .iter()
        .map(|hit| (scopes[hit.scope].segment, hit.row))
        .collect();
    let rows = segment::read_rows(objects, &wanted)?;
    let results = hits.iter().zip(rows).filter_map(|(hit, row)| {
        let file = table.files.get(&row.file_id)?;
        Some(SearchResult {
            file_id: row.file_id,
            filename: file.filename.clone(),
            score: hit.score.clamp(0.0, 1.0),
            attributes: file.attributes.clone(),
            content: vec![TextContent::new(row.text)],
            chunk: SearchChunk {
                number: row.chunk,
                start: row.start,
                end: row.end,
            },
        })
    });
    Ok(results.collect())
}
