//! Where in the Arrow file each batch keeps its columns.
//!
//! The writer takes these places from the messages as they were encoded and leaves them in the
//! footer's custom metadata, so that a reader finds every row's bytes after one read of the tail.

use std::ops::Range;

use arrow_ipc::{RecordBatch, root_as_footer, root_as_message};
use serde::{Deserialize, Serialize};

use super::batch::batch_rows;
use super::{BATCH_ROWS, SegmentError, SegmentMeta};

/// The key of the layout in the footer's custom metadata.
pub(super) const LAYOUT_KEY: &str = "dayfly.layout";

const MAGIC: &[u8; 6] = b"ARROW1";
/// The footer's length and the magic, which end an Arrow file.
const TRAILER_BYTES: usize = 4 + MAGIC.len();
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

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Layout {
    pub batches: Vec<BatchLayout>,
}

impl BatchLayout {
    /// Reads the places out of an encoded record batch that begins at `position` in the file.
    /// `None` when the message is not one of this schema.
    pub(super) fn of_message(encoded: &[u8], position: u64) -> Option<Self> {
        let length = encoded.get(4..8)?.try_into().ok().map(u32::from_le_bytes)?;
        let body = 8 + u64::from(length);
        let message = root_as_message(encoded.get(8..body as usize)?).ok()?;
        let batch: RecordBatch<'_> = message.header_as_record_batch()?;
        let buffers = batch.buffers()?;
        // Validity and values of each column; text columns have offsets between them, and
        // fixed-size lists a validity of their own before their values'.
        const BUFFERS: usize = 20;
        if buffers.len() != BUFFERS {
            return None;
        }
        let at = |buffer: usize| position + body + buffers.get(buffer).offset() as u64;
        Some(Self {
            rows: batch.length() as u64,
            chunk: at(4),
            start: at(6),
            end: at(8),
            text_offsets: at(10),
            text: at(11),
            vector: at(14),
            code: at(17),
            scale: at(19),
        })
    }

    /// The bytes from the first row's chunk number to the end of the text offsets.
    pub(super) fn places(&self) -> Range<u64> {
        self.chunk..self.text_offsets + (self.rows + 1) * 4
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
    fn fits(&self, dimension: u32, end: u64) -> bool {
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

impl Layout {
    /// Takes the layout out of an Arrow file's last bytes, and checks it against `meta`.
    pub(super) fn of_tail(
        tail: &[u8],
        meta: &SegmentMeta,
        key: &str,
    ) -> Result<Self, SegmentError> {
        let broken = |what: &str| SegmentError::corrupt(key, what);
        let text = footer_entry(tail).ok_or_else(|| broken("its footer does not parse"))?;
        let layout: Self =
            serde_json::from_str(&text).map_err(|_| broken("its layout does not parse"))?;
        let end = meta.bytes.saturating_sub(u64::from(meta.tail_bytes));
        if !layout
            .batches
            .iter()
            .all(|batch| batch.fits(meta.dimension, end))
        {
            return Err(broken("its layout names bytes that it cannot have"));
        }
        let rows: u64 = layout.batches.iter().map(|batch| batch.rows).sum();
        if rows != u64::from(meta.rows) {
            return Err(broken("its layout does not account for every row"));
        }
        Ok(layout)
    }
}

fn footer_entry(tail: &[u8]) -> Option<String> {
    let (rest, trailer) = tail.split_at_checked(tail.len().checked_sub(TRAILER_BYTES)?)?;
    let (length, magic) = trailer.split_at_checked(4)?;
    if magic != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let footer = root_as_footer(rest.get(rest.len().checked_sub(length)?..)?).ok()?;
    let entries = footer.custom_metadata()?;
    let entry = entries
        .iter()
        .find(|entry| entry.key() == Some(LAYOUT_KEY))?;
    entry.value().map(str::to_owned)
}
