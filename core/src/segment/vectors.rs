//! Vectors alone out of storage, for building an index over them.

use super::SegmentError;
use super::open::Segment;
use super::read::floats_into;
use crate::objects::Objects;
use crate::objects::ranges::{Wanted, read_all};

/// Hands the normalised vectors of each batch to `take`, row after row, with the segment's number
/// of the first one; batches for which `wanted` says no are not read. Holds one batch, 2 MiB.
pub fn each_vectors<E: From<SegmentError>>(
    objects: &dyn Objects,
    segment: &Segment<'_>,
    mut wanted: impl FnMut(u32) -> bool,
    mut take: impl FnMut(u32, &[f32]) -> Result<(), E>,
) -> Result<(), E> {
    let mut vectors = Vec::new();
    let row_bytes = u64::from(segment.meta.dimension) * 4;
    for batch in &segment.batches {
        if !wanted(batch.first) {
            continue;
        }
        let start = batch.at.vector;
        let part = Wanted {
            key: &segment.key,
            bytes: start..start + batch.at.rows * row_bytes,
        };
        let read = read_all(objects, &[part]).map_err(SegmentError::from)?;
        let data = read.into_iter().next().unwrap_or_default();
        floats_into(&data, &mut vectors);
        if vectors.iter().any(|component| !component.is_finite()) {
            return Err(segment.corrupt("a vector is not a number").into());
        }
        take(batch.first, &vectors)?;
    }
    Ok(())
}
