//! Byte-pair encoding of one piece of text.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::vocabulary::rank;

/// Counts tokens; keeps its memory from piece to piece.
#[derive(Default)]
pub(super) struct Merger {
    /// For the start of each part, its end; 0 where no part starts any more.
    ends: Vec<usize>,
    /// For the start of each part, the start of the part before it.
    previous: Vec<usize>,
    /// Neighbours that make a token, by its rank, then by place: rank, start and end.
    candidates: BinaryHeap<Reverse<(u32, usize, usize)>>,
}

impl Merger {
    /// The tokens of `piece`: beginning with single bytes, the two neighbours whose
    /// union has the smallest rank, the leftmost first, are merged until none is left
    /// (Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
    /// Subword Units", 2016). O(n log n), so that one long word is no attack.
    pub(super) fn count(&mut self, piece: &[u8]) -> usize {
        self.ends.clear();
        self.ends.extend(1..=piece.len());
        self.previous.clear();
        self.previous
            .extend((0..piece.len()).map(|start| start.saturating_sub(1)));
        self.candidates.clear();
        for start in 1..piece.len() {
            self.propose(piece, start - 1, start + 1);
        }
        let mut parts = piece.len();
        while let Some(Reverse((_, start, end))) = self.candidates.pop() {
            let middle = self.ends[start];
            // One of the neighbours has been merged with another since.
            if middle == 0 || middle >= end || self.ends[middle] != end {
                continue;
            }
            self.ends[start] = end;
            self.ends[middle] = 0;
            parts -= 1;
            if start > 0 {
                self.propose(piece, self.previous[start], end);
            }
            if end < piece.len() {
                self.previous[end] = start;
                self.propose(piece, start, self.ends[end]);
            }
        }
        parts
    }

    fn propose(&mut self, piece: &[u8], start: usize, end: usize) {
        if let Some(rank) = rank(&piece[start..end]) {
            self.candidates.push(Reverse((rank, start, end)));
        }
    }
}
