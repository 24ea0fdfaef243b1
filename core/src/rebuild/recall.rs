//! How many of the true neighbours an index finds.

use super::RebuildError;
use super::choose::Choice;
use super::copy::Copied;
use super::indexer::Indexer;
use super::work::Work;
use crate::segment;

/// How many of the nearest rows have to be found.
const NEAREST: usize = 10;
/// Scores so close are the same passage twice, or as good as each other.
const TIE: f32 = 1e-5;
/// How far a score by codes of one byte may be from the true one.
const CODE_ERROR: f32 = 0.01;

/// The rows truly nearest to each of the sample, by number, without the sample's own.
pub(super) struct Truth {
    own: Vec<u64>,
    nearest: Vec<Vec<(u64, f32)>>,
}

impl Truth {
    /// More than the nearest ten, as some may be alike.
    pub(super) const KEPT: usize = 64;

    pub(super) fn of(sample: &[u64]) -> Self {
        Self {
            own: sample.to_vec(),
            nearest: vec![Vec::new(); sample.len()],
        }
    }

    /// Takes in what is nearest among the rows from `first` on.
    pub(super) fn offer(&mut self, first: u64, found: Vec<Vec<(u64, f32)>>) {
        for ((kept, own), found) in self.nearest.iter_mut().zip(&self.own).zip(found) {
            let rows = found.into_iter().map(|(row, score)| (first + row, score));
            kept.extend(rows.filter(|(row, _)| row != own));
            kept.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            kept.truncate(Self::KEPT);
        }
    }

    /// How many of the nearest of sample `number` are among `found`, and how many there are.
    fn hits(&self, number: usize, found: &[(u64, f32)]) -> (usize, usize) {
        let nearest = &self.nearest[number];
        let wanted = nearest.len().min(NEAREST);
        let Some(&(_, least)) = nearest.get(wanted.wrapping_sub(1)) else {
            return (0, 0);
        };
        let as_good = nearest.partition_point(|(_, score)| *score >= least - TIE);
        let all_alike = as_good == Self::KEPT;
        let hit = |(row, score): &&(u64, f32)| {
            nearest[..as_good].iter().any(|(good, _)| good == row)
                || (all_alike && *score >= least - CODE_ERROR)
        };
        let own = self.own[number];
        let hits = found.iter().filter(|(row, _)| *row != own).filter(hit);
        (hits.count().min(wanted), wanted)
    }
}

/// Widens the search until it finds enough; answers its parameters and the recall.
///
/// What counts is what a search answers: it rescores the candidates by their whole vectors, so a
/// near row is found when it is among them.
pub(super) fn measure(
    work: &mut Work<'_>,
    index: &dyn Indexer,
    truth: &Truth,
    copied: &Copied,
    dimension: u32,
    choice: &Choice,
) -> Result<(String, f32), RebuildError> {
    let candidates = segment::candidates(NEAREST, choice.candidates as usize) + 1;
    let mut best = (String::new(), 0.0);
    for parameters in &choice.parameters {
        let (mut hits, mut wanted) = (0, 0);
        for (number, query) in copied.queries.chunks_exact(dimension as usize).enumerate() {
            let found = index.search(query, candidates, parameters)?;
            let (found, all) = truth.hits(number, &found);
            hits += found;
            wanted += all;
            work.count(1)?;
        }
        let recall = match wanted {
            0 => 1.0,
            wanted => hits as f32 / wanted as f32,
        };
        best = (parameters.clone(), recall);
        if recall >= work.order.recall_target {
            return Ok(best);
        }
    }
    let (parameters, recall) = best;
    Err(RebuildError::GiveUp(format!(
        "{} finds only {:.1} % of the ten nearest rows, also with {parameters}, and {:.1} % are \
         wanted: ask for a kind with finer codes, such as SQ8 in the place of PQ, or for more \
         memory. The store is searched as before",
        choice.factory.as_str(),
        recall * 100.0,
        work.order.recall_target * 100.0
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_as_good_as_the_tenth_count_and_the_own_one_does_not() {
        let mut truth = Truth::of(&[5]);
        let scores: Vec<(u64, f32)> = (0..20)
            .map(|row| {
                (
                    row,
                    if row < 8 {
                        1.0 - row as f32 / 100.0
                    } else {
                        0.5
                    },
                )
            })
            .collect();
        truth.offer(0, vec![scores]);
        let found: Vec<(u64, f32)> = [0, 1, 2, 3, 4, 5, 6, 7, 18, 19]
            .map(|row| (row, 0.0))
            .to_vec();
        assert_eq!(truth.hits(0, &found), (9, 10));
        assert_eq!(truth.hits(0, &found[..3]), (3, 10));
    }

    #[test]
    fn a_text_that_is_there_a_thousand_times_is_found_in_any_of_its_places() {
        let mut truth = Truth::of(&[0]);
        truth.offer(0, vec![(0..100).map(|row| (row, 1.0)).collect()]);
        let found: Vec<(u64, f32)> = (80..90).map(|row| (row, 0.999)).collect();
        assert_eq!(truth.hits(0, &found), (10, 10));
    }

    #[test]
    fn a_store_of_one_row_has_nothing_to_find() {
        let mut truth = Truth::of(&[0]);
        truth.offer(0, vec![vec![(0, 1.0)]]);
        assert_eq!(truth.hits(0, &[(0, 1.0)]), (0, 0));
    }
}
