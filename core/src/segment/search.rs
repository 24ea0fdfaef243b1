//! Searching segments.

use super::SegmentError;
use super::graph;
use super::rescore::rescore;
use super::scan::scan;
use super::scope::Scope;
use super::vector::Query;
use crate::codes::{Candidate, Top};
use crate::objects::Objects;

/// A row found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The place of its segment among the scopes searched.
    pub scope: usize,
    /// The row.
    pub row: u32,
    /// Cosine similarity to the query, from -1 to 1, from the f32 vectors.
    pub score: f32,
}

/// How to look for candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By the graph where there is one and it pays, else by a scan.
    Auto,
    /// By a scan always.
    Scan,
    /// By the graph wherever there is one, unless too few of the rows it leads to are live.
    Graph,
}

/// Candidates rescored for each result: with these the int8 codes cost no recall in measurement.
const CANDIDATES_PER_RESULT: usize = 4;
const LEAST_CANDIDATES: usize = 40;

/// How many candidates to rescore for `k` results, of which each may need so many.
pub fn candidates(k: usize, per_result: usize) -> usize {
    k.saturating_mul(per_result).max(LEAST_CANDIDATES)
}

/// The `k` best live rows of all scopes for each query, best first.
///
/// Reads only codes and, of the best `4 * k` rows over all scopes (40 at least), vectors; all
/// queries share one pass. Holds a few MiB however large the segments are, and 16 MiB of
/// codes where storage does not look through them itself. Equal scores come in
/// the order of scopes and rows. Fails with [`SegmentError::Invalid`] when a query has another
/// dimension than a segment.
pub fn search(
    objects: &dyn Objects,
    scopes: &[Scope<'_>],
    queries: &[Query],
    k: usize,
) -> Result<Vec<Vec<Hit>>, SegmentError> {
    search_by(objects, scopes, queries, k, Method::Auto)
}

/// As [`search`], by a method of the caller's choice.
pub fn search_by(
    objects: &dyn Objects,
    scopes: &[Scope<'_>],
    queries: &[Query],
    k: usize,
    method: Method,
) -> Result<Vec<Vec<Hit>>, SegmentError> {
    check(scopes, queries)?;
    if k == 0 || queries.is_empty() {
        return Ok(vec![Vec::new(); queries.len()]);
    }
    let limit = candidates(k, CANDIDATES_PER_RESULT);
    let mut tops: Vec<Top> = queries.iter().map(|_| Top::new(limit)).collect();
    let mut scanned = Vec::new();
    for (index, scope) in scopes.iter().enumerate() {
        if scope.found.is_some() {
            continue;
        }
        let walk = wants_graph(scope, queries.len(), method);
        if !(walk && walk_graph(objects, index, scope, queries, limit, &mut tops)?) {
            scanned.push(index);
        }
    }
    scan(objects, scopes, &scanned, queries, limit, &mut tops)?;
    let mut candidates: Vec<Vec<Candidate>> = tops.into_iter().map(Top::into_sorted).collect();
    // Other indexes judge by other codes: none of theirs competes with one of a scan unrescored.
    for (index, scope) in scopes.iter().enumerate() {
        let found = scope.found.iter().flatten();
        for (rows, candidates) in found.zip(&mut candidates) {
            candidates.extend(rows.iter().map(|&(row, score)| Candidate {
                score,
                part: index as u32,
                row,
            }));
        }
    }
    let best = rescore(objects, scopes, queries, candidates, k)?;
    let hit = |candidate: Candidate| Hit {
        scope: candidate.part as usize,
        row: candidate.row,
        score: candidate.score,
    };
    Ok(best
        .into_iter()
        .map(|rows| rows.into_iter().map(hit).collect())
        .collect())
}

fn check(scopes: &[Scope<'_>], queries: &[Query]) -> Result<(), SegmentError> {
    for scope in scopes {
        let dimension = scope.segment.meta.dimension;
        if let Some(other) = queries.iter().find(|query| query.dimension() != dimension) {
            return Err(SegmentError::Invalid(format!(
                "the query has {} components where the store has {dimension}; embed it with the \
                 store's model",
                other.dimension()
            )));
        }
        if scope
            .found
            .as_ref()
            .is_some_and(|found| found.len() != queries.len())
        {
            return Err(SegmentError::Invalid(
                "what was found does not fit the queries".to_owned(),
            ));
        }
        let mut from = 0;
        for range in &scope.live {
            if range.start < from || range.start >= range.end || range.end > scope.segment.meta.rows
            {
                return Err(SegmentError::Invalid(
                    "the live rows are out of order".to_owned(),
                ));
            }
            from = range.end;
        }
    }
    Ok(())
}

/// One walk must cost less than its share of a scan, and most of where it leads must be live.
fn wants_graph(scope: &Scope<'_>, queries: usize, method: Method) -> bool {
    let rows = scope.segment.meta.rows;
    let live = scope.live_count();
    let codes = u64::from(live) * u64::from(scope.segment.meta.dimension);
    let pays = match method {
        Method::Scan => false,
        Method::Graph => true,
        Method::Auto => codes >= queries as u64 * graph::WALK_COSTS_BYTES,
    };
    pays && scope.segment.meta.graph.is_some() && live > rows / 4
}

/// Offers what the graph leads to; answers false, and offers nothing, when that is too little.
fn walk_graph(
    objects: &dyn Objects,
    index: usize,
    scope: &Scope<'_>,
    queries: &[Query],
    limit: usize,
    tops: &mut [Top],
) -> Result<bool, SegmentError> {
    let Some(found) = graph::search(objects, scope, queries, limit)? else {
        return Ok(false);
    };
    for (rows, top) in found.into_iter().zip(tops) {
        for (row, score) in rows {
            top.offer(Candidate {
                score,
                part: index as u32,
                row,
            });
        }
    }
    Ok(true)
}
