//! The best of many candidates.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A row that may be among the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// How near it is.
    pub score: f32,
    /// Which of the parts searched.
    pub part: u32,
    /// The row in it.
    pub row: u32,
}

impl Eq for Candidate {}

impl Ord for Candidate {
    /// Better is greater; of equal scores the earlier row is better, so results do not depend on
    /// the order of the work.
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |candidate: &Self| Reverse((candidate.part, candidate.row));
        self.score
            .total_cmp(&other.score)
            .then_with(|| place(self).cmp(&place(other)))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The best `limit` of the candidates offered.
pub struct Top {
    limit: usize,
    worst_first: BinaryHeap<Reverse<Candidate>>,
}

impl Top {
    /// Of so many.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            worst_first: BinaryHeap::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.worst_first.len() >= self.limit
    }

    /// Below this score nothing is taken; without bound while there is room.
    pub fn threshold(&self) -> f32 {
        match self.worst_first.peek() {
            Some(Reverse(worst)) if self.is_full() => worst.score,
            _ => f32::NEG_INFINITY,
        }
    }

    /// Takes the candidate if it is among the best so far; answers whether it did.
    pub fn offer(&mut self, candidate: Candidate) -> bool {
        if !self.is_full() {
            self.worst_first.push(Reverse(candidate));
            return true;
        }
        let Some(mut worst) = self.worst_first.peek_mut() else {
            return false;
        };
        if candidate <= worst.0 {
            return false;
        }
        *worst = Reverse(candidate);
        true
    }

    /// Best first.
    pub fn into_sorted(self) -> Vec<Candidate> {
        let ascending = self.worst_first.into_sorted_vec();
        ascending
            .into_iter()
            .map(|Reverse(candidate)| candidate)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_keeps_the_best_in_whatever_order_they_come(
            scores in prop::collection::vec(0_u8..20, 0..60), limit in 0_usize..20
        ) {
            let candidate = |(row, score): (usize, &u8)| Candidate {
                score: f32::from(*score), part: 0, row: row as u32,
            };
            let mut all: Vec<Candidate> = scores.iter().enumerate().map(candidate).collect();
            let mut forward = Top::new(limit);
            let mut backward = Top::new(limit);
            all.iter().for_each(|one| { forward.offer(*one); });
            all.iter().rev().for_each(|one| { backward.offer(*one); });
            all.sort_by(|a, b| b.cmp(a));
            all.truncate(limit);
            prop_assert_eq!(&forward.into_sorted(), &all);
            prop_assert_eq!(&backward.into_sorted(), &all);
        }
    }
}
