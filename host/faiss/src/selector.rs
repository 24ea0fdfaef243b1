//! Which rows a search may find.

use std::fmt;
use std::ops::Range;

/// A set of rows to search in, at one bit a row. Any number of searches may share it.
#[derive(Clone, PartialEq, Eq)]
pub struct Selector {
    bits: Box<[u8]>,
    selected: u64,
}

impl Selector {
    /// The rows that are in any of `ranges`, of the `rows` there are. Ranges may overlap; what
    /// is beyond the rows is left out.
    pub fn from_ranges(ranges: &[Range<u64>], rows: u64) -> Self {
        let bytes = usize::try_from(rows.div_ceil(8)).unwrap_or(usize::MAX);
        let mut bits = vec![0_u8; bytes].into_boxed_slice();
        for range in ranges {
            set(&mut bits, range.start..range.end.min(rows));
        }
        let selected = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
        Self { bits, selected }
    }

    /// Number of rows in the set.
    pub fn selected(&self) -> u64 {
        self.selected
    }

    pub(crate) fn bits(&self) -> &[u8] {
        &self.bits
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Selector({} rows)", self.selected)
    }
}

/// Sets the bits of `range`, which is within `bits` or empty.
fn set(bits: &mut [u8], range: Range<u64>) {
    if range.is_empty() {
        return;
    }
    let (first, last) = ((range.start / 8) as usize, ((range.end - 1) / 8) as usize);
    let head = 0xff_u8 << (range.start % 8);
    let tail = 0xff_u8 >> (7 - (range.end - 1) % 8);
    if first == last {
        bits[first] |= head & tail;
        return;
    }
    bits[first] |= head;
    bits[first + 1..last].fill(0xff);
    bits[last] |= tail;
}
