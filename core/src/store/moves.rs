//! Where rows went when their segments were merged.

use std::collections::BTreeMap;
use std::ops::Range;

use super::dead::DeadRows;
use super::entry::RowRange;

/// The rows that were copied out of some segments, and where to.
#[derive(Debug, Clone, Default)]
pub struct Moves {
    sources: BTreeMap<String, Source>,
}

/// A segment whose live rows were copied.
#[derive(Debug, Clone)]
pub struct Source {
    /// What was dead when it was read.
    pub dead: DeadRows,
    /// Ascending, apart.
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone)]
struct Piece {
    first: u32,
    rows: u32,
    to: RowRange,
}

impl Moves {
    /// Begins with a segment, of which these rows are dead already.
    pub fn begin(&mut self, segment: &str, dead: DeadRows) {
        let source = Source {
            dead,
            pieces: Vec::new(),
        };
        self.sources.insert(segment.to_owned(), source);
    }

    /// Notes that a row of a segment that was begun is row `at` of `to` now. Rows come in order.
    pub fn moved(&mut self, segment: &str, row: u32, to: &str, at: u32) {
        let Some(source) = self.sources.get_mut(segment) else {
            return;
        };
        if let Some(last) = source.pieces.last_mut()
            && last.first + last.rows == row
            && last.to.segment == to
            && last.to.first + last.to.rows == at
        {
            last.rows += 1;
            last.to.rows += 1;
            return;
        }
        source.pieces.push(Piece {
            first: row,
            rows: 1,
            to: RowRange {
                segment: to.to_owned(),
                first: at,
                rows: 1,
            },
        });
    }

    /// The segments whose rows were copied.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources
            .iter()
            .map(|(id, source)| (id.as_str(), source))
    }

    /// Whether any of these rows is in a segment that was copied.
    pub fn touches(&self, rows: &[RowRange]) -> bool {
        rows.iter()
            .any(|range| self.sources.contains_key(&range.segment))
    }

    /// Where rows are now: those that were copied in their new places, others where they were.
    /// Rows that were dead when their segment was copied are nowhere.
    pub fn map(&self, rows: &[RowRange]) -> Vec<RowRange> {
        let mut mapped: Vec<RowRange> = Vec::new();
        for range in rows {
            match self.sources.get(&range.segment) {
                None => join(&mut mapped, range.clone()),
                Some(source) => source
                    .targets(&(range.first..range.first.saturating_add(range.rows)))
                    .for_each(|target| join(&mut mapped, target)),
            }
        }
        mapped
    }
}

impl Source {
    /// The new places of the rows of `range`, in order.
    pub fn targets(&self, range: &Range<u32>) -> impl Iterator<Item = RowRange> {
        let (start, end) = (range.start, range.end);
        let from = self
            .pieces
            .partition_point(|piece| piece.first + piece.rows <= start);
        self.pieces[from..]
            .iter()
            .take_while(move |piece| piece.first < end)
            .map(move |piece| {
                let first = piece.first.max(start);
                let last = (piece.first + piece.rows).min(end);
                RowRange {
                    segment: piece.to.segment.clone(),
                    first: piece.to.first + (first - piece.first),
                    rows: last - first,
                }
            })
    }
}

fn join(ranges: &mut Vec<RowRange>, next: RowRange) {
    match ranges.last_mut() {
        Some(last) if last.segment == next.segment && last.first + last.rows == next.first => {
            last.rows += next.rows;
        }
        _ => ranges.push(next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(segment: &str, first: u32, rows: u32) -> RowRange {
        RowRange {
            segment: segment.to_owned(),
            first,
            rows,
        }
    }

    #[test]
    fn rows_are_found_where_they_were_copied_to_and_dead_ones_nowhere() {
        let mut moves = Moves::default();
        let mut dead = DeadRows::empty();
        dead.kill(2..4);
        moves.begin("a", dead);
        for (at, row) in [0, 1, 4, 5].into_iter().enumerate() {
            moves.moved("a", row, "m", at as u32);
        }
        moves.begin("b", DeadRows::empty());
        moves.moved("b", 0, "m", 4);
        moves.moved("b", 1, "n", 0);
        assert_eq!(moves.map(&[range("a", 0, 6)]), [range("m", 0, 4)]);
        assert_eq!(moves.map(&[range("a", 1, 2)]), [range("m", 1, 1)]);
        assert_eq!(
            moves.map(&[range("a", 4, 2), range("b", 0, 2), range("z", 7, 1)]),
            [range("m", 2, 3), range("n", 0, 1), range("z", 7, 1)]
        );
        assert_eq!(moves.map(&[range("a", 2, 2)]), []);
    }
}
