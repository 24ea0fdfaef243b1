//! The int8 scan: every live row's code against every query, in one pass.

use std::ops::Range;

use super::SegmentError;
use super::read::groups_within;
use super::scope::Scope;
use super::tail::Batch;
use super::vector::Query;
use crate::codes::{Candidate, CodeSpan, CodedQuery, DamagedCodes, Nearest, Top};
use crate::objects::limits::{MAX_CODED_QUERIES, MAX_NEAREST, MAX_SPANS};
use crate::objects::ranges::{Wanted, read_all};
use crate::objects::{NearestError, Objects};

/// Parts that are read at once, where storage does not look for itself, and their bytes: a round over a
/// network costs what a mebibyte does, or more.
const MOST_AT_ONCE: usize = 256;
const MOST_BYTES: u64 = 16 << 20;

/// Where the rows of a span are.
#[derive(Clone, Copy)]
struct Place {
    scope: u32,
    first: u32,
}

/// Offers the live rows of the scopes chosen by `taken` to each query's `tops`, by the product
/// of codes. Holds at most 16 MiB of codes at a time, and none where storage looks for itself.
pub(super) fn scan(
    objects: &dyn Objects,
    scopes: &[Scope<'_>],
    taken: &[usize],
    queries: &[Query],
    limit: usize,
    tops: &mut [Top],
) -> Result<(), SegmentError> {
    let queries: Vec<CodedQuery> = queries.iter().map(|query| query.coded.clone()).collect();
    let (mut here, mut away) = (Vec::new(), Vec::new());
    let mut nearest = Nearest::new(&queries, limit);
    for (place, span) in taken.iter().flat_map(|&scope| spans(scope, &scopes[scope])) {
        let Some(data) = scopes[place.scope as usize].segment.at_hand(&span.bytes) else {
            away.push((place, span));
            continue;
        };
        let looked = nearest.look_through(here.len() as u32, &span, data);
        looked.map_err(|damaged| corrupt(&span, damaged))?;
        here.push(place);
    }
    offer(&here, nearest.into_sorted(), tops);
    let (places, spans): (Vec<Place>, Vec<CodeSpan>) = away.into_iter().unzip();
    let parts = places.chunks(MAX_SPANS).zip(spans.chunks(MAX_SPANS));
    for (places, spans) in parts {
        let found = match by_storage(objects, spans, &queries, limit) {
            Some(found) => found.map_err(|error| explain(spans, error))?,
            None => read_through(objects, spans, &queries, limit)?,
        };
        offer(places, found, tops);
    }
    Ok(())
}

/// Offers what was found in the spans at `places`.
fn offer(places: &[Place], found: Vec<Vec<Candidate>>, tops: &mut [Top]) {
    for (found, top) in found.into_iter().zip(tops) {
        for candidate in found {
            let Some(place) = places.get(candidate.part as usize) else {
                continue;
            };
            top.offer(Candidate {
                part: place.scope,
                row: place.first.saturating_add(candidate.row),
                ..candidate
            });
        }
    }
}

fn corrupt(span: &CodeSpan, damaged: DamagedCodes) -> SegmentError {
    SegmentError::corrupt(&span.key, damaged.to_string())
}

fn by_storage(
    objects: &dyn Objects,
    spans: &[CodeSpan],
    queries: &[CodedQuery],
    limit: usize,
) -> Option<Result<Vec<Vec<Candidate>>, NearestError>> {
    let answered = queries.len().saturating_mul(limit);
    match queries.len() <= MAX_CODED_QUERIES && answered <= MAX_NEAREST {
        true => objects.nearest(spans, queries, limit),
        false => None,
    }
}

fn explain(spans: &[CodeSpan], error: NearestError) -> SegmentError {
    match error {
        NearestError::Storage(error) => error.into(),
        NearestError::Damaged(number) => {
            let key = spans.get(number as usize).map_or("", |span| &span.key);
            SegmentError::corrupt(key, DamagedCodes.to_string())
        }
        NearestError::Invalid(text) => SegmentError::Invalid(text),
    }
}

/// Reads the codes, and looks through them here.
fn read_through(
    objects: &dyn Objects,
    spans: &[CodeSpan],
    queries: &[CodedQuery],
    limit: usize,
) -> Result<Vec<Vec<Candidate>>, SegmentError> {
    let mut nearest = Nearest::new(queries, limit);
    let mut numbered = (0..).zip(spans);
    let bytes = |span: &CodeSpan| span.bytes.end - span.bytes.start;
    for group in groups_within(MOST_BYTES, spans, MOST_AT_ONCE, bytes) {
        let wanted = group.iter().map(|span| Wanted {
            key: &span.key,
            bytes: span.bytes.clone(),
        });
        let wanted: Vec<Wanted<'_>> = wanted.collect();
        let read = read_all(objects, &wanted)?;
        for (data, (number, span)) in read.iter().zip(numbered.by_ref()) {
            let looked = nearest.look_through(number, span, data);
            looked.map_err(|damaged| corrupt(span, damaged))?;
        }
    }
    Ok(nearest.into_sorted())
}

/// Of each batch the part that holds its live rows.
fn spans<'a>(scope: usize, of: &'a Scope<'a>) -> impl Iterator<Item = (Place, CodeSpan)> {
    of.segment.batches.iter().filter_map(move |batch| {
        let live = live_within(&of.live, &batch.rows());
        let first = live.first()?.start;
        let place = Place {
            scope: scope as u32,
            first,
        };
        Some((place, span(of, batch, first, &live)))
    })
}

fn span(of: &Scope<'_>, batch: &Batch, first: u32, live: &[Range<u32>]) -> CodeSpan {
    let before = u64::from(first - batch.first);
    let bytes = batch
        .at
        .codes_from(before, u64::from(of.segment.meta.dimension));
    CodeSpan {
        key: of.segment.key.clone(),
        scales_at: batch.at.scale + before * 4 - bytes.start,
        bytes,
        live: live
            .iter()
            .map(|range| range.start - first..range.end - first)
            .collect(),
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
