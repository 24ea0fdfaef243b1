//! What is read at once, and numbers in it.

/// Cuts `items` into runs of at most [`GROUP_BYTES`](super::GROUP_BYTES) and at most
/// `most_items`, one item at least.
pub(super) fn groups<T>(
    items: &[T],
    most_items: usize,
    bytes: impl Fn(&T) -> u64,
) -> impl Iterator<Item = &[T]> {
    groups_within(super::GROUP_BYTES, items, most_items, bytes)
}

/// As [`groups`], of at most `most_bytes`.
pub(super) fn groups_within<T>(
    most_bytes: u64,
    items: &[T],
    most_items: usize,
    bytes: impl Fn(&T) -> u64,
) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut sum = 0_u64;
        let fits = |item: &&T| {
            sum += bytes(item);
            sum <= most_bytes
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
