//! What a batch says of its rows: whose they are, their numbers, and where their texts are.

use std::ops::Range;

use super::message::BatchMessage;
use super::open::Segment;
use super::read::{u32_at, u64_at};
use super::tail::Batch;
use super::{MAX_FILE_ID_BYTES, MAX_TEXT_BYTES, SegmentError};

/// A batch's head as it was read.
pub(super) struct Head<'a> {
    segment: &'a Segment<'a>,
    batch: &'a Batch,
    data: &'a [u8],
    message: BatchMessage,
}

/// A row without its vector and text.
pub(super) struct Place<'a> {
    pub file_id: &'a str,
    pub chunk: u32,
    pub start: u64,
    pub end: u64,
    /// Where in the object its text is, at most [`MAX_TEXT_BYTES`] of the batch's texts.
    pub text: Range<u64>,
}

impl<'a> Head<'a> {
    /// `data` begins with [`Batch::head`].
    ///
    /// Fails with [`SegmentError::Corrupt`] when the message there is not the one that the
    /// segment's tail tells of.
    pub(super) fn parse(
        segment: &'a Segment<'a>,
        batch: &'a Batch,
        data: &'a [u8],
    ) -> Result<Self, SegmentError> {
        let message = BatchMessage::parse(data, batch.message.start)
            .filter(|message| agrees(message, batch))
            .ok_or_else(|| segment.corrupt("a batch is not where its footer says"))?;
        Ok(Self {
            segment,
            batch,
            data,
            message,
        })
    }

    /// Row `within` of the batch.
    pub(super) fn place(&self, within: u64) -> Result<Place<'a>, SegmentError> {
        let file_id = self
            .file_id(within)
            .ok_or_else(|| self.segment.corrupt("a row names no file"))?;
        let place = self.numbers(within, file_id);
        place.ok_or_else(|| self.segment.corrupt("a text lies where none can be"))
    }

    fn file_id(&self, within: u64) -> Option<&'a str> {
        let offsets = &self.message.file_offsets;
        let ids = self.bytes(&self.message.file_ids)?;
        let from = self.u32(offsets.start, within)?;
        let to = self.u32(offsets.start, within + 1)?;
        let id = ids.get(from as usize..to as usize)?;
        let possible = !id.is_empty() && id.len() <= MAX_FILE_ID_BYTES;
        std::str::from_utf8(id).ok().filter(|_| possible)
    }

    fn numbers(&self, within: u64, file_id: &'a str) -> Option<Place<'a>> {
        let at = &self.batch.at;
        let from = self.u32(at.text_offsets, within)?;
        let to = self.u32(at.text_offsets, within + 1)?;
        let text = at.text + u64::from(from)..at.text + u64::from(to);
        if to.checked_sub(from)? as usize > MAX_TEXT_BYTES || text.end > at.vector {
            return None;
        }
        Some(Place {
            file_id,
            chunk: self.u32(at.chunk, within)?,
            start: self.u64(at.start, within)?,
            end: self.u64(at.end, within)?,
            text,
        })
    }

    /// Bytes of the object that are in `data`.
    pub(super) fn bytes(&self, range: &Range<u64>) -> Option<&'a [u8]> {
        self.data.get(self.at(range.start)?..self.at(range.end)?)
    }

    fn u32(&self, column: u64, within: u64) -> Option<u32> {
        u32_at(self.data, self.at(column + within * 4)?)
    }

    fn u64(&self, column: u64, within: u64) -> Option<u64> {
        u64_at(self.data, self.at(column + within * 8)?)
    }

    fn at(&self, place: u64) -> Option<usize> {
        usize::try_from(place.checked_sub(self.batch.message.start)?).ok()
    }
}

/// Whether message and tail say the same, and the file ids lie between message and numbers.
fn agrees(message: &BatchMessage, batch: &Batch) -> bool {
    let offsets = &message.file_offsets;
    message.bytes == batch.message
        && message.columns == batch.at
        && offsets.end - offsets.start >= (batch.at.rows + 1) * 4
        && offsets.end <= batch.at.chunk
        && message.file_ids.end <= batch.at.chunk
}
