//! Training an index and adding rows, by an indexer that is handed in.

use super::RebuildError;
use super::choose::Choice;
use super::copy::Copied;
use super::indexer::{Indexer, Indexers};
use super::recall::Truth;
use super::work::Work;
use crate::segment::{self, Segment};

/// Vectors that are added at once: enough for all threads, and few beside the index.
const BATCH_BYTES: usize = 16 << 20;

/// Trains an index on a sample of the copied rows.
pub(super) fn train(
    work: &mut Work<'_>,
    copied: &Copied,
    segments: &[Segment<'_>],
    dimension: u32,
    choice: &Choice,
    indexers: &dyn Indexers,
) -> Result<Box<dyn Indexer>, RebuildError> {
    let mut index = indexers.make(dimension, choice.factory.as_str())?;
    // Whole batches, evenly spread: one read each.
    let step = (copied.rows / choice.train_rows.max(1)).max(1);
    let most = choice.train_rows as usize * dimension as usize;
    let mut sample: Vec<f32> = Vec::new();
    let mut seen = 0_u64;
    for segment in segments {
        let wanted = |_| {
            seen += 1;
            (seen - 1).is_multiple_of(step)
        };
        segment::each_vectors(work.platform.objects, segment, wanted, |_, vectors| {
            let room = most.saturating_sub(sample.len());
            sample.extend_from_slice(&vectors[..vectors.len().min(room)]);
            work.count((vectors.len() / dimension as usize) as u64)
        })?;
    }
    index.train(&sample)?;
    Ok(index)
}

/// Adds every copied row to the index, in order, and finds out the truth about the sample.
pub(super) fn add(
    work: &mut Work<'_>,
    copied: &Copied,
    segments: &[Segment<'_>],
    dimension: u32,
    index: &mut dyn Indexer,
    indexers: &dyn Indexers,
) -> Result<Truth, RebuildError> {
    let width = dimension as usize;
    let mut truth = Truth::of(&copied.sample);
    let mut batch: Vec<f32> = Vec::new();
    let mut first = 0_u64;
    let mut flush = |work: &mut Work<'_>, batch: &mut Vec<f32>| -> Result<(), RebuildError> {
        let rows = (batch.len() / width) as u64;
        if rows == 0 {
            return Ok(());
        }
        index.add(batch)?;
        let nearest = indexers.nearest(&copied.queries, batch, dimension, Truth::KEPT)?;
        truth.offer(first, nearest);
        first += rows;
        batch.clear();
        work.count(rows)
    };
    for segment in segments {
        segment::each_vectors(
            work.platform.objects,
            segment,
            |_| true,
            |_, vectors| {
                batch.extend_from_slice(vectors);
                match batch.len() * 4 >= BATCH_BYTES {
                    true => flush(work, &mut batch),
                    false => Ok(()),
                }
            },
        )?;
    }
    flush(work, &mut batch)?;
    Ok(truth)
}
