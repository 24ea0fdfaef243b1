//! A record batch's message: where its body keeps the columns.
//!
//! Written with the rows, so that any Arrow reader finds them, and read again to find whose rows
//! they are.

use std::ops::Range;

use arrow_ipc::root_as_message;

use super::layout::BatchLayout;
use super::read::u32_at;

/// What a message begins with, before its length.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// That, and the length.
const PREFIX_BYTES: usize = CONTINUATION.len() + 4;

/// Validity and values of each column; text columns have offsets between them, and fixed-size
/// lists a validity of their own before their values'.
const BUFFERS: usize = 20;

/// A message of a segment's schema; every place is one in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BatchMessage {
    /// The message itself. The columns' values follow it.
    pub bytes: Range<u64>,
    /// All columns but the file ids.
    pub columns: BatchLayout,
    /// Offsets into `file_ids`, each 4 bytes.
    pub file_offsets: Range<u64>,
    /// The file ids, one behind the other.
    pub file_ids: Range<u64>,
}

impl BatchMessage {
    /// Reads a message that lies at `position` in the file and with which `encoded` begins.
    /// `None` when it is not one of a segment's schema; no place is checked against another.
    pub(super) fn parse(encoded: &[u8], position: u64) -> Option<Self> {
        let (prefix, rest) = encoded.split_at_checked(PREFIX_BYTES)?;
        if !prefix.starts_with(&CONTINUATION) {
            return None;
        }
        let length = u32_at(prefix, CONTINUATION.len())?;
        let message = root_as_message(rest.get(..length as usize)?).ok()?;
        let batch = message.header_as_record_batch()?;
        let buffers = batch.buffers()?;
        if buffers.len() != BUFFERS || batch.compression().is_some() {
            return None;
        }
        let body = position.checked_add(PREFIX_BYTES as u64 + u64::from(length))?;
        let buffer = |number: usize| {
            let buffer = buffers.get(number);
            let start = body.checked_add(u64::try_from(buffer.offset()).ok()?)?;
            let end = start.checked_add(u64::try_from(buffer.length()).ok()?)?;
            Some(start..end)
        };
        let at = |number: usize| buffer(number).map(|buffer| buffer.start);
        Some(Self {
            bytes: position..body,
            columns: BatchLayout {
                rows: u64::try_from(batch.length()).ok()?,
                chunk: at(4)?,
                start: at(6)?,
                end: at(8)?,
                text_offsets: at(10)?,
                text: at(11)?,
                vector: at(14)?,
                code: at(17)?,
                scale: at(19)?,
            },
            file_offsets: buffer(1)?,
            file_ids: buffer(2)?,
        })
    }
}
