//! The tokens of `cl100k_base` and their ranks.

use super::hash::hash;

/// Bytes in the longest token (a run of spaces).
pub(super) const LONGEST_TOKEN: usize = 128;

/// Open addressing with linear probing: rank plus one, 0 where there is none.
static SLOTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cl100k_slots.bin"));
/// Where the token of each rank begins in `BYTES`, and where the last one ends.
static STARTS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cl100k_starts.bin"));
static BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/cl100k_bytes.bin"));

/// The rank of a token; a smaller one is merged first. `None` if `bytes` are no token.
pub(super) fn rank(bytes: &[u8]) -> Option<u32> {
    if bytes.len() > LONGEST_TOKEN {
        return None;
    }
    let (slots, _) = SLOTS.as_chunks::<4>();
    let mask = slots.len() - 1;
    let mut place = hash(bytes) as usize & mask;
    loop {
        let rank = u32::from_le_bytes(slots[place]).checked_sub(1)?;
        if token(rank) == bytes {
            return Some(rank);
        }
        place = (place + 1) & mask;
    }
}

fn token(rank: u32) -> &'static [u8] {
    let (starts, _) = STARTS.as_chunks::<4>();
    let start = |rank: usize| u32::from_le_bytes(starts[rank]) as usize;
    &BYTES[start(rank as usize)..start(rank as usize + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_found_by_its_bytes() {
        let count = (STARTS.len() / 4 - 1) as u32;
        assert_eq!(count, 100_256);
        let mut longest = 0;
        for expected in 0..count {
            assert_eq!(rank(token(expected)), Some(expected));
            longest = longest.max(token(expected).len());
        }
        assert_eq!(longest, LONGEST_TOKEN);
    }

    #[test]
    fn other_bytes_are_none() {
        for bytes in [&b""[..], b"\xff\xfe\xfd", b"hello world", &[b' '; 129]] {
            assert_eq!(rank(bytes), None);
        }
    }
}
