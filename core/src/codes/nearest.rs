//! Looking through codes.

use std::ops::Range;

use thiserror::Error;

use super::top::{Candidate, Top};
use super::{CodeSpan, CodedQuery, dot_codes};

/// A span is shorter than it should be, or a factor in it is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("its codes are cut off, or a row's scale is not a number")]
pub struct DamagedCodes;

/// The rows nearest to each of some queries, of all spans looked through so far.
pub struct Nearest<'a> {
    queries: &'a [CodedQuery],
    dimension: usize,
    tops: Vec<Top>,
}

impl<'a> Nearest<'a> {
    /// For the `limit` nearest of each query; all queries have as many components as the first.
    pub fn new(queries: &'a [CodedQuery], limit: usize) -> Self {
        Self {
            queries,
            dimension: queries.first().map_or(0, |query| query.code.len()),
            tops: queries.iter().map(|_| Top::new(limit)).collect(),
        }
    }

    /// How many queries there are.
    pub fn queries(&self) -> usize {
        self.queries.len()
    }

    /// Looks through the bytes of the span of that number.
    ///
    /// Compiled anew into whoever calls it, for the instructions that are known to be there.
    ///
    /// # Errors
    /// [`DamagedCodes`]; some of the span's rows may have been taken.
    #[inline(always)]
    pub fn look_through(
        &mut self,
        number: u32,
        span: &CodeSpan,
        data: &[u8],
    ) -> Result<(), DamagedCodes> {
        for live in &span.live {
            let (codes, scales) = self.rows_of(span, live, data).ok_or(DamagedCodes)?;
            let rows = codes.chunks_exact(self.dimension).zip(scales);
            for (row, (code, scale)) in live.clone().zip(rows) {
                let scale = f32::from_le_bytes(*scale);
                for (query, top) in self.queries.iter().zip(&mut self.tops) {
                    let score = dot_codes(code, &query.code) as f32 * (scale * query.scale);
                    // An infinite factor is damage wherever it is met, also among better rows.
                    if score < top.threshold() && score > f32::NEG_INFINITY {
                        continue;
                    }
                    if !score.is_finite() {
                        return Err(DamagedCodes);
                    }
                    top.offer(Candidate {
                        score,
                        part: number,
                        row,
                    });
                }
            }
        }
        Ok(())
    }

    /// The codes and factors of the rows, where all are there.
    #[inline(always)]
    fn rows_of<'d>(
        &self,
        span: &CodeSpan,
        rows: &Range<u32>,
        data: &'d [u8],
    ) -> Option<(&'d [u8], &'d [[u8; 4]])> {
        let (first, end) = (rows.start as usize, rows.end as usize);
        let (codes, scales) = data.split_at_checked(usize::try_from(span.scales_at).ok()?)?;
        let at = |row: usize| row.checked_mul(self.dimension);
        let codes = codes.get(at(first)?..at(end)?)?;
        let (scales, _) = scales.as_chunks::<4>();
        (self.dimension > 0).then_some((codes, scales.get(first..end)?))
    }

    /// For each query the nearest, best first.
    pub fn into_sorted(self) -> Vec<Vec<Candidate>> {
        self.tops.into_iter().map(Top::into_sorted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(live: impl IntoIterator<Item = Range<u32>>) -> CodeSpan {
        CodeSpan {
            key: "a".to_owned(),
            bytes: 0..18,
            scales_at: 6,
            live: live.into_iter().collect(),
        }
    }

    /// Three rows of two components.
    fn data(scale: f32) -> Vec<u8> {
        let mut data = vec![127, 0, 0, 127, 90, 90];
        for scale in [1.0, scale, 1.0_f32] {
            data.extend_from_slice(&scale.to_le_bytes());
        }
        data
    }

    fn query() -> [CodedQuery; 1] {
        [CodedQuery {
            code: vec![127, 1],
            scale: 1.0,
        }]
    }

    #[test]
    fn only_live_rows_are_found_and_the_nearest_is_first() {
        let queries = query();
        let mut nearest = Nearest::new(&queries, 2);
        nearest
            .look_through(3, &span([0..1, 2..3]), &data(f32::NAN))
            .unwrap();
        let found = nearest.into_sorted();
        let rows: Vec<(u32, u32)> = found[0].iter().map(|one| (one.part, one.row)).collect();
        assert_eq!(rows, [(3, 0), (3, 2)]);
        assert_eq!(found[0][0].score, 127.0 * 127.0);
    }

    #[test]
    fn what_is_cut_off_or_no_number_is_told() {
        let queries = query();
        let whole = data(1.0);
        let look = |live: Range<u32>, data: &[u8]| {
            Nearest::new(&queries, 2).look_through(0, &span(Some(live)), data)
        };
        assert_eq!(look(0..3, &whole), Ok(()));
        assert_eq!(look(0..3, &data(f32::INFINITY)), Err(DamagedCodes));
        assert_eq!(look(0..3, &data(f32::NAN)), Err(DamagedCodes));
        assert_eq!(look(0..4, &whole), Err(DamagedCodes));
        assert_eq!(look(2..u32::MAX, &whole), Err(DamagedCodes));
        for length in 0..whole.len() {
            assert_eq!(look(0..3, &whole[..length]), Err(DamagedCodes), "{length}");
        }
        let mut full = Nearest::new(&queries, 1);
        full.look_through(0, &span(Some(0..1)), &whole).unwrap();
        let infinite = full.look_through(1, &span(Some(1..2)), &data(f32::NEG_INFINITY));
        assert_eq!(infinite, Err(DamagedCodes));
        let nothing = [CodedQuery {
            code: vec![],
            scale: 1.0,
        }];
        let mut nearest = Nearest::new(&nothing, 2);
        assert_eq!(
            nearest.look_through(0, &span(Some(0..1)), &whole),
            Err(DamagedCodes)
        );
    }
}
