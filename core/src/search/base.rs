//! Searching the part of a store that has a native index.

use std::collections::HashMap;
use std::ops::Range;

use super::{Search, rows_of};
use crate::segment::SegmentMeta;
use crate::store::Live;

/// A row of a base that an index found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BaseHit {
    /// The row's number in the base.
    pub row: u64,
    /// Its similarity to the query, as exact as the index's codes are.
    pub score: f32,
}

/// A native index over the rows of a store's base.
pub trait BaseIndex<E> {
    /// About the `limit` live rows nearest to `query`, which has length 1, best first, of those
    /// that pass the search's filter; more where the index needs more for its recall.
    ///
    /// `None` where there is no index to ask: then the rows are scanned. An error ends the search.
    fn nearest(&self, query: &[f32], limit: usize) -> Result<Option<Vec<BaseHit>>, E>;
}

/// What was found in each segment, for each query.
pub(super) type FoundIn<'a> = HashMap<&'a str, Vec<Vec<(u32, f32)>>>;

/// Asks the base's index. Answers the segments of the base in which something was found; `None`
/// where there is no index to ask. `metas` are the segments with rows that may be found.
pub(super) fn find<'a, E>(
    live: &'a Live,
    wanted: &Search<'_, E>,
    metas: &[&'a SegmentMeta],
) -> Result<Option<FoundIn<'a>>, E> {
    let mut parts: Vec<Part<'a>> = metas
        .iter()
        .filter_map(|meta| Part::of(meta, live))
        .collect();
    let (Some(index), false) = (wanted.base, parts.is_empty()) else {
        return Ok(None);
    };
    parts.sort_by_key(|part| part.first);
    let mut found = FoundIn::new();
    for (number, query) in wanted.queries.iter().enumerate() {
        let Some(hits) = index.nearest(query.unit(), wanted.limit)? else {
            return Ok(None);
        };
        for hit in hits {
            let after = parts.partition_point(|part| part.first <= hit.row);
            let part = after.checked_sub(1).and_then(|at| parts.get(at));
            // Whatever an index answers, only live rows are found.
            let Some((part, row)) = part.and_then(|part| Some((part, part.live_row(hit.row)?)))
            else {
                continue;
            };
            let lists = found.entry(part.segment);
            let lists = lists.or_insert_with(|| vec![Vec::new(); wanted.queries.len()]);
            lists[number].push((row, hit.score));
        }
    }
    Ok(Some(found))
}

/// A segment of the base, and which of its rows may be found.
struct Part<'a> {
    first: u64,
    segment: &'a str,
    live: &'a [Range<u32>],
}

impl<'a> Part<'a> {
    fn of(meta: &'a SegmentMeta, live: &'a Live) -> Option<Self> {
        Some(Self {
            first: meta.base.as_ref()?.first_row,
            segment: meta.id.as_str(),
            live: rows_of(live, meta),
        })
    }

    /// The segment's number of a row of the base; `None` where it may not be found.
    fn live_row(&self, row: u64) -> Option<u32> {
        let row = u32::try_from(row.checked_sub(self.first)?).ok()?;
        let after = self.live.partition_point(|range| range.start <= row);
        let range = self.live.get(after.checked_sub(1)?)?;
        range.contains(&row).then_some(row)
    }
}
