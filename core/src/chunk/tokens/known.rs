use std::collections::BTreeMap;

use super::merge::Merger;

/// Shorter pieces are counted faster than they are found.
const LEAST: usize = 64;
/// So many are remembered, of at most a kibibyte each.
const MOST: usize = 1_024;

/// Token counts of pieces of text.
#[derive(Debug, Default)]
pub(super) struct Known {
    merger: Merger,
    counts: BTreeMap<Box<[u8]>, usize>,
}

impl Known {
    /// The tokens of a piece.
    pub(super) fn count(&mut self, piece: &[u8]) -> usize {
        if piece.len() < LEAST {
            return self.merge(piece);
        }
        if let Some(count) = self.counts.get(piece) {
            return *count;
        }
        let count = self.merge(piece);
        if self.counts.len() >= MOST {
            self.counts.clear();
        }
        self.counts.insert(piece.into(), count);
        count
    }

    fn merge(&mut self, piece: &[u8]) -> usize {
        #[cfg(test)]
        super::super::work::merged(piece.len());
        self.merger.count(piece)
    }
}
