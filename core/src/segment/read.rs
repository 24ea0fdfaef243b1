//! Range reads, checked for their length.

use std::ops::Range;

use super::SegmentError;
use crate::objects::{Objects, Part};

/// Some bytes of an object.
#[derive(Clone)]
pub(super) struct Wanted<'a> {
    pub key: &'a str,
    pub bytes: Range<u64>,
}

/// Reads every part in one call, in order; each is exactly as long as wanted.
pub(super) fn read_all(
    objects: &dyn Objects,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Vec<u8>>, SegmentError> {
    let read = read_existing(objects, wanted)?;
    for (part, data) in wanted.iter().zip(&read) {
        if data.len() as u64 != part.bytes.end - part.bytes.start {
            return Err(SegmentError::corrupt(
                part.key,
                "it is shorter than it was written",
            ));
        }
    }
    Ok(read)
}

/// Reads what there is of every part in one call, in order; none is longer than wanted.
pub(super) fn read_existing(
    objects: &dyn Objects,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Vec<u8>>, SegmentError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<Part> = wanted
        .iter()
        .map(|part| (part.key.to_owned(), Some(part.bytes.clone())))
        .collect();
    let answers = objects.get_many(&parts);
    if answers.len() != wanted.len() {
        return Err(SegmentError::corrupt(
            wanted[0].key,
            "the storage left reads unanswered",
        ));
    }
    answers.into_iter().map(|answer| Ok(answer?)).collect()
}

/// Cuts `items` into runs of at most [`GROUP_BYTES`](super::GROUP_BYTES) and at most
/// `most_items`, one item at least.
pub(super) fn groups<T>(
    items: &[T],
    most_items: usize,
    bytes: impl Fn(&T) -> u64,
) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut sum = 0_u64;
        let fits = |item: &&T| {
            sum += bytes(item);
            sum <= super::GROUP_BYTES
        };
        let count = rest
            .iter()
            .take(most_items)
            .take_while(fits)
            .count()
            .max(1)
            .min(rest.len());
        let (group, after) = rest.split_at(count);
        rest = after;
        (!group.is_empty()).then_some(group)
    })
}

/// The little-endian number at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// The little-endian number at `at`.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    bytes.try_into().ok().map(u64::from_le_bytes)
}

/// Replaces `floats` by the little-endian numbers in `bytes`.
pub(super) fn floats_into(bytes: &[u8], floats: &mut Vec<f32>) {
    floats.clear();
    let (words, _) = bytes.as_chunks::<4>();
    floats.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_item_once_and_stay_within_their_bounds() {
        let sizes = [
            1,
            super::super::GROUP_BYTES * 3,
            2,
            2,
            2,
            super::super::GROUP_BYTES,
            5,
        ];
        let cut: Vec<Vec<u64>> = groups(&sizes, 2, |size| *size)
            .map(<[u64]>::to_vec)
            .collect();
        assert_eq!(cut.concat(), sizes);
        assert_eq!(
            cut.iter().map(Vec::len).collect::<Vec<_>>(),
            [1, 1, 2, 1, 1, 1]
        );
        assert_eq!(groups(&[] as &[u64], 2, |size| *size).count(), 0);
    }
}
