//! The candidates' exact scores, from their f32 vectors alone.

use std::ops::Range;

use super::SegmentError;
use super::open::Segment;
use super::pieces::{Piece, read_pieces};
use super::read::{floats_into, groups};
use super::scope::Scope;
use super::vector::{Query, dot};
use crate::codes::{Candidate, Top};
use crate::objects::Objects;

/// Rows this close together are had by one read: fewer requests are worth some bytes.
const GAP_BYTES: u64 = 8 << 10;

/// A candidate of one query, and where its vector is.
struct Vector {
    query: usize,
    candidate: Candidate,
    bytes: Range<u64>,
}

/// A read and the vectors in it.
struct Run<'a> {
    vectors: &'a [Vector],
    piece: Piece<'a>,
}

/// The best `k` of each query's candidates by the f32 product, best first.
pub(super) fn rescore(
    objects: &dyn Objects,
    scopes: &[Scope<'_>],
    queries: &[Query],
    candidates: Vec<Vec<Candidate>>,
    k: usize,
) -> Result<Vec<Vec<Candidate>>, SegmentError> {
    let mut tops: Vec<Top> = queries.iter().map(|_| Top::new(k)).collect();
    let vectors = locate(scopes, candidates)?;
    let runs = runs(scopes, &vectors);
    let mut vector = Vec::new();
    for group in groups(&runs, 1_024, |run| run.piece.length()) {
        let pieces: Vec<Piece<'_>> = group.iter().map(|run| run.piece.clone()).collect();
        for (run, data) in group.iter().zip(read_pieces(objects, &pieces)?) {
            for place in run.vectors {
                let start = (place.bytes.start - run.piece.bytes.start) as usize;
                let length = (place.bytes.end - place.bytes.start) as usize;
                floats_into(&data[start..][..length], &mut vector);
                let score = dot(&vector, &queries[place.query].unit);
                if !score.is_finite() {
                    return Err(run.piece.segment.corrupt("a vector is not a number"));
                }
                let score = score.clamp(-1.0, 1.0);
                tops[place.query].offer(Candidate {
                    score,
                    ..place.candidate
                });
            }
        }
    }
    Ok(tops.into_iter().map(Top::into_sorted).collect())
}

/// The candidates of all queries in the order of storage.
fn locate(
    scopes: &[Scope<'_>],
    candidates: Vec<Vec<Candidate>>,
) -> Result<Vec<Vector>, SegmentError> {
    let mut vectors = Vec::new();
    for (query, candidates) in candidates.into_iter().enumerate() {
        for candidate in candidates {
            let segment = scopes[candidate.part as usize].segment;
            let Some((batch, row)) = segment.find(candidate.row) else {
                return Err(segment.corrupt("its graph names a row that it does not have"));
            };
            let bytes = batch.at.vector_of(row, u64::from(segment.meta.dimension));
            vectors.push(Vector {
                query,
                candidate,
                bytes,
            });
        }
    }
    vectors.sort_by_key(|vector| (vector.candidate.part, vector.bytes.start));
    Ok(vectors)
}

fn runs<'a>(scopes: &'a [Scope<'a>], vectors: &'a [Vector]) -> Vec<Run<'a>> {
    let together = |a: &Vector, b: &Vector| {
        a.candidate.part == b.candidate.part
            && b.bytes.start.saturating_sub(a.bytes.end) <= GAP_BYTES
    };
    let run = |vectors: &'a [Vector]| {
        let (first, last) = (vectors.first()?, vectors.last()?);
        let segment: &Segment<'_> = scopes[first.candidate.part as usize].segment;
        let bytes = first.bytes.start..last.bytes.end;
        Some(Run {
            vectors,
            piece: Piece { segment, bytes },
        })
    };
    vectors.chunk_by(together).filter_map(run).collect()
}
