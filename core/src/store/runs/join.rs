//! Reading ranges that lie near each other as one.

use std::ops::Range;

/// As much is read anyway to save a read: about what object storage sends in a fraction of the
/// time that it takes to answer, and less than what leaves full of unwanted columns have between
/// the wanted ones.
const NEAR: u64 = 12 << 10;
/// A read that joins ranges is at most so long.
const MOST: u64 = 1 << 20;

/// The reads for `wanted`, which is in order: neighbours become one where the gap between them is
/// below 12 KiB, or at least half of what is read is wanted.
pub(super) fn join(wanted: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut reads: Vec<Range<u64>> = Vec::new();
    let mut useful = 0;
    for range in wanted {
        let bytes = range.end - range.start;
        if let Some(last) = reads.last_mut() {
            let gap = range.start.saturating_sub(last.end);
            let joined = range.end.max(last.end) - last.start;
            if joined <= MOST && (gap < NEAR || (useful + bytes) * 2 >= joined) {
                last.end = last.start + joined;
                useful += bytes;
                continue;
            }
        }
        useful = bytes;
        reads.push(range);
    }
    reads
}

/// What was read.
pub(super) struct Pieces {
    pieces: Vec<(u64, Vec<u8>)>,
}

impl Pieces {
    /// Of reads in order, each from its start.
    pub(super) fn new(pieces: Vec<(u64, Vec<u8>)>) -> Self {
        Self { pieces }
    }

    /// Bytes that were wanted.
    pub(super) fn get(&self, range: &Range<u64>) -> Option<&[u8]> {
        let after = self
            .pieces
            .partition_point(|(start, _)| *start <= range.start);
        let (start, bytes) = self.pieces.get(after.checked_sub(1)?)?;
        let within = |at: u64| usize::try_from(at.checked_sub(*start)?).ok();
        bytes.get(within(range.start)?..within(range.end)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined_where_that_reads_little_more() {
        let joined = |wanted: &[[u64; 2]]| -> Vec<[u64; 2]> {
            let ranges = wanted.iter().map(|[start, end]| *start..*end);
            let reads = join(ranges).into_iter();
            reads.map(|read| [read.start, read.end]).collect()
        };
        assert_eq!(joined(&[[0, 10], [10, 20], [4_000, 4_010]]), [[0, 4_010]]);
        for apart in [
            [[0, 10], [NEAR + 10, NEAR + 20]],
            [[0, MOST], [MOST, MOST + 1]],
            [[0, 20_000], [60_000, 70_000]],
        ] {
            assert_eq!(joined(&apart), apart);
        }
        assert_eq!(joined(&[[0, 20_000], [40_000, 60_000]]), [[0, 60_000]]);
        assert!(joined(&[]).is_empty());
    }

    #[test]
    fn what_was_read_is_found_again() {
        let pieces = Pieces::new(vec![(5, vec![5, 6, 7]), (20, vec![20])]);
        assert_eq!(pieces.get(&(6..8)), Some(&[6, 7][..]));
        assert_eq!(pieces.get(&(20..21)), Some(&[20][..]));
        for missing in [0..1, 7..9, 19..21, 20..22] {
            assert_eq!(pieces.get(&missing), None);
        }
    }
}
