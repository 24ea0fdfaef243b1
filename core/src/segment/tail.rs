//! The end of the Arrow file: all that has to be read to find every row's bytes.

use std::ops::Range;

use arrow_ipc::{Block, Footer, root_as_footer};

use super::layout::{BatchLayout, LAYOUT_KEY, Layout};
use super::{MAX_FILE_ID_BYTES, SegmentError, SegmentMeta};

const MAGIC: &[u8; 6] = b"ARROW1";
/// The footer's length and the magic, which end an Arrow file.
const TRAILER_BYTES: usize = 4 + MAGIC.len();
/// More than the message of any batch: some hundred bytes.
const MAX_MESSAGE_BYTES: u64 = 16 << 10;
/// More than the padding before, between and behind the parts of the file ids.
const FILE_ID_PADDING: u64 = 256;

/// A batch: its first row's number, and where in the file it is.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    /// The number of its first row in the segment.
    pub first: u32,
    /// Its message. The file ids lie between it and the other columns.
    pub message: Range<u64>,
    /// The other columns.
    pub at: BatchLayout,
}

impl Batch {
    /// The rows of the segment that it holds.
    pub(super) fn rows(&self) -> Range<u32> {
        self.first..self.first + self.at.rows as u32
    }

    /// The bytes from its message to the end of the text offsets: all that is said of its rows
    /// but their texts and vectors. At most 304 KiB, some 60 KiB with the ids that files have.
    pub(super) fn head(&self) -> Range<u64> {
        self.message.start..self.at.text_offsets_end()
    }

    /// Whether the message and the file ids have the room that they may need, and no more.
    fn fits(&self) -> bool {
        let rows = self.at.rows;
        let least = (rows + 1) * 4;
        let most = least + rows * MAX_FILE_ID_BYTES as u64 + FILE_ID_PADDING;
        let message = self.message.end.checked_sub(self.message.start);
        let file_ids = self.at.chunk.checked_sub(self.message.end);
        message.is_some_and(|bytes| bytes <= MAX_MESSAGE_BYTES)
            && file_ids.is_some_and(|bytes| least <= bytes && bytes <= most)
    }
}

/// The batches that an Arrow file's last bytes name, in the order of their rows, checked against
/// `meta`: what they name lies within the file, and is no larger than what is written.
pub(super) fn batches(
    tail: &[u8],
    meta: &SegmentMeta,
    key: &str,
) -> Result<Vec<Batch>, SegmentError> {
    let broken = |what: &str| SegmentError::corrupt(key, what);
    let footer = footer(tail).ok_or_else(|| broken("its footer does not parse"))?;
    let layout = layout(&footer).ok_or_else(|| broken("its layout does not parse"))?;
    let end = meta.bytes.saturating_sub(u64::from(meta.tail_bytes));
    if !layout.batches.iter().all(|at| at.fits(meta.dimension, end)) {
        return Err(broken("its layout names bytes that it cannot have"));
    }
    let rows: u64 = layout.batches.iter().map(|at| at.rows).sum();
    if rows != u64::from(meta.rows) {
        return Err(broken("its layout does not account for every row"));
    }
    let messages = messages(&footer).filter(|messages| messages.len() == layout.batches.len());
    let messages = messages.ok_or_else(|| broken("its footer names other batches"))?;
    let mut first = 0;
    let place = |(message, at): (Range<u64>, BatchLayout)| {
        let batch = Batch { first, message, at };
        first = batch.rows().end;
        batch
    };
    let batches: Vec<Batch> = messages
        .into_iter()
        .zip(layout.batches)
        .map(place)
        .collect();
    if !batches.iter().all(Batch::fits) {
        return Err(broken("its footer names bytes that no batch can have"));
    }
    Ok(batches)
}

fn footer(tail: &[u8]) -> Option<Footer<'_>> {
    let (rest, trailer) = tail.split_at_checked(tail.len().checked_sub(TRAILER_BYTES)?)?;
    let (length, magic) = trailer.split_at_checked(4)?;
    if magic != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    root_as_footer(rest.get(rest.len().checked_sub(length)?..)?).ok()
}

fn layout(footer: &Footer<'_>) -> Option<Layout> {
    let entries = footer.custom_metadata()?;
    let entry = entries
        .iter()
        .find(|entry| entry.key() == Some(LAYOUT_KEY))?;
    serde_json::from_str(entry.value()?).ok()
}

fn messages(footer: &Footer<'_>) -> Option<Vec<Range<u64>>> {
    let message = |block: &Block| {
        let start = u64::try_from(block.offset()).ok()?;
        let length = u64::try_from(block.metaDataLength()).ok()?;
        Some(start..start.checked_add(length)?)
    };
    match footer.recordBatches() {
        Some(blocks) => blocks.iter().map(message).collect(),
        None => Some(Vec::new()),
    }
}
