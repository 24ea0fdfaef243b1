//! Where in the Arrow file each batch keeps its columns.
//!
//! The writer takes these places from the messages as they were encoded and leaves them in the
//! footer's custom metadata, so that a reader finds every row's bytes after one read of the tail.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::BATCH_ROWS;
use super::batch::batch_rows;

/// The key of the layout in the footer's custom metadata.
pub(super) const LAYOUT_KEY: &str = "dayfly.layout";

/// Arrow pads each buffer to 64 bytes; two of them may lie so far apart and no further.
const PADDING: u64 = 64;

/// A batch: how many rows, and the absolute offsets of its columns' values in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 9]", into = "[u64; 9]")]
pub(super) struct BatchLayout {
    pub rows: u64,
    pub chunk: u64,
    pub start: u64,
    pub end: u64,
    /// `rows + 1` offsets into the text's bytes, each 4 bytes.
    pub text_offsets: u64,
    pub text: u64,
    pub vector: u64,
    pub code: u64,
    pub scale: u64,
}

impl From<[u64; 9]> for BatchLayout {
    fn from(fields: [u64; 9]) -> Self {
        let [
            rows,
            chunk,
            start,
            end,
            text_offsets,
            text,
            vector,
            code,
            scale,
        ] = fields;
        Self {
            rows,
            chunk,
            start,
            end,
            text_offsets,
            text,
            vector,
            code,
            scale,
        }
    }
}

impl From<BatchLayout> for [u64; 9] {
    fn from(at: BatchLayout) -> Self {
        [
            at.rows,
            at.chunk,
            at.start,
            at.end,
            at.text_offsets,
            at.text,
            at.vector,
            at.code,
            at.scale,
        ]
    }
}

/// What the footer's custom metadata holds.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Layout {
    /// In the order of their rows.
    pub batches: Vec<BatchLayout>,
}

impl BatchLayout {
    /// Where the offsets of the texts end.
    pub(super) fn text_offsets_end(&self) -> u64 {
        self.text_offsets + (self.rows + 1) * 4
    }

    /// The bytes from the code of row `first` to the last row's scale.
    pub(super) fn codes_from(&self, first: u64, dimension: u64) -> Range<u64> {
        self.code + first * dimension..self.scale + self.rows * 4
    }

    /// The bytes of a row's vector.
    pub(super) fn vector_of(&self, row: u64, dimension: u64) -> Range<u64> {
        let start = self.vector + row * dimension * 4;
        start..start + dimension * 4
    }

    /// Whether the columns lie one behind the other, as far apart as padding may put them, and
    /// end before `end`.
    pub(super) fn fits(&self, dimension: u32, end: u64) -> bool {
        let wide = u64::from(dimension);
        let rows = self.rows;
        if rows == 0 || rows > u64::from(batch_rows(dimension).min(BATCH_ROWS)) {
            return false;
        }
        let follows = |start: u64, bytes: u64, next: u64| {
            let least = start.checked_add(bytes);
            least.is_some_and(|least| next >= least && next - least < PADDING)
        };
        follows(self.chunk, rows * 4, self.start)
            && follows(self.start, rows * 8, self.end)
            && follows(self.end, rows * 8, self.text_offsets)
            && follows(self.text_offsets, (rows + 1) * 4, self.text)
            && self.text <= self.vector
            && follows(self.vector, rows * wide * 4, self.code)
            && follows(self.code, rows * wide, self.scale)
            && self
                .scale
                .checked_add(rows * 4)
                .is_some_and(|last| last <= end)
    }
}
