//! Copying a store's live rows.

use super::RebuildError;
use super::work::Work;
use crate::segment::SegmentMeta;
use crate::store::{Manifest, Mover, Moves, Target};

/// The copied rows, and what was learnt of them on the way.
pub(super) struct Copied {
    /// The base's segments, in order.
    pub segments: Vec<SegmentMeta>,
    /// Where each row went.
    pub moves: Moves,
    /// Rows in all.
    pub rows: u64,
    /// Some rows to measure the recall with: their numbers, ascending.
    pub sample: Vec<u64>,
    /// Their vectors, one behind the other.
    pub queries: Vec<f32>,
}

/// Copies every live row into the segments of a base, streaming: rows are read before anything slow
/// happens, so that what they come from may be superseded meanwhile.
pub(super) fn copy(
    work: &mut Work<'_>,
    manifest: &Manifest,
    rows: u64,
    dimension: u32,
) -> Result<Copied, RebuildError> {
    let samples = work.order.recall_queries.min(rows);
    let sampled: Vec<u64> = (0..samples)
        .map(|n| (2 * n + 1) * rows / (2 * samples))
        .collect();
    let share = u32::try_from(rows / SEGMENTS).unwrap_or(u32::MAX);
    let target = Target {
        home: manifest.home(),
        model: manifest.store.embedding.model.clone(),
        dimension,
        most_rows: work.order.rows_per_segment.max(share),
        graph_min_rows: u32::MAX,
        base: Some(work.base.clone()),
    };
    let mut mover = Mover::new(work.platform, target);
    let (mut sample, mut queries) = (Vec::new(), Vec::new());
    for source in &manifest.segments {
        mover.take(source, |row, number| {
            if sampled.get(sample.len()) == Some(&number) {
                sample.push(number);
                queries.extend_from_slice(row.vector);
            }
            work.count(1)
        })?;
    }
    let (segments, moves) = mover.finish()?;
    Ok(Copied {
        rows: segments.iter().map(|meta| u64::from(meta.rows)).sum(),
        segments,
        moves,
        sample,
        queries,
    })
}

/// A base has at most about so many full segments, however large it is.
const SEGMENTS: u64 = 48;
