//! The int8 scan: every live row's code against every query, in one pass.

use std::ops::Range;

use super::SegmentError;
use super::open::Segment;
use super::read::{floats_into, groups};
use super::scope::Scope;
use super::tail::Batch;
use super::top::{Candidate, Top};
use super::vector::{Query, dot_codes};
use crate::objects::Objects;
use crate::objects::ranges::{Wanted, read_all};

/// The part of a batch that holds its live rows.
struct Span<'a> {
    scope: u32,
    segment: &'a Segment<'a>,
    batch: &'a Batch,
    /// Rows of the segment that are live in this batch, ascending.
    live: Vec<Range<u32>>,
    bytes: Range<u64>,
}

/// Offers the live rows of the scopes chosen by `taken` to each query's `tops`, by the product
/// of codes. Holds at most 4 MiB of codes at a time.
pub(super) fn scan(
    objects: &dyn Objects,
    scopes: &[Scope<'_>],
    taken: &[usize],
    queries: &[Query],
    tops: &mut [Top],
) -> Result<(), SegmentError> {
    const MOST_AT_ONCE: usize = 256;
    let spans: Vec<Span<'_>> = taken
        .iter()
        .flat_map(|&scope| spans(scope, &scopes[scope]))
        .collect();
    let mut scales = Vec::new();
    for group in groups(&spans, MOST_AT_ONCE, |span| {
        span.bytes.end - span.bytes.start
    }) {
        let wanted: Vec<Wanted<'_>> = group
            .iter()
            .map(|span| Wanted {
                key: &span.segment.key,
                bytes: span.bytes.clone(),
            })
            .collect();
        for (span, data) in group.iter().zip(read_all(objects, &wanted)?) {
            span.score(&data, &mut scales, queries, tops)?;
        }
    }
    Ok(())
}

fn spans<'a>(scope: usize, of: &'a Scope<'a>) -> impl Iterator<Item = Span<'a>> {
    let segment = of.segment;
    segment.batches.iter().filter_map(move |batch| {
        let rows = batch.rows();
        let live = live_within(&of.live, &rows);
        let first = live.first()?.start - rows.start;
        let dimension = u64::from(segment.meta.dimension);
        Some(Span {
            scope: scope as u32,
            segment,
            batch,
            live,
            bytes: batch.at.codes_from(u64::from(first), dimension),
        })
    })
}

impl Span<'_> {
    /// `data` begins with the code of the first live row and ends with the batch's last scale.
    fn score(
        &self,
        data: &[u8],
        scales: &mut Vec<f32>,
        queries: &[Query],
        tops: &mut [Top],
    ) -> Result<(), SegmentError> {
        let dimension = self.segment.meta.dimension as usize;
        let first = self.live.first().map_or(0, |range| range.start);
        let scales_at = (self.batch.at.scale - self.bytes.start) as usize;
        floats_into(&data[scales_at..], scales);
        for row in self.live.iter().cloned().flatten() {
            let code = &data[(row - first) as usize * dimension..][..dimension];
            let scale = scales[(row - self.batch.first) as usize];
            for (query, top) in queries.iter().zip(tops.iter_mut()) {
                let score = dot_codes(code, &query.code) as f32 * (scale * query.scale);
                if score < top.threshold() {
                    continue;
                }
                if !score.is_finite() {
                    return Err(self.segment.corrupt("a row's scale is not a number"));
                }
                top.offer(Candidate {
                    score,
                    segment: self.scope,
                    row,
                });
            }
        }
        Ok(())
    }
}

/// The part of `live` that lies in `rows`; both as in [`Scope`].
pub(super) fn live_within(live: &[Range<u32>], rows: &Range<u32>) -> Vec<Range<u32>> {
    let from = live.partition_point(|range| range.end <= rows.start);
    live[from..]
        .iter()
        .take_while(|range| range.start < rows.end)
        .map(|range| range.start.max(rows.start)..range.end.min(rows.end))
        .collect()
}
