//! Cutting a text of any length into chunks, in bounded memory.

mod fence;
mod split;
mod strategy;
mod tokens;
mod window;
#[cfg(test)]
mod work;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::fence::FenceTracker;
use self::split::Splitter;
pub use self::strategy::{
    AUTO_CHARACTERS, AUTO_OVERLAP_CHARACTERS, ChunkingStrategy, StrategyError,
};
use self::window::MAX_WINDOW_BYTES;
pub(crate) use self::window::Windows;

/// The chunks at the end of a window that are split again with what follows: the last
/// one ends where the window does, and the one before it may end in a block of
/// Markdown whose meaning only its end decides.
const UNSETTLED_CHUNKS: usize = 2;

/// White space of this many bytes always separates chunks. `text-splitter` may go through
/// white space character by character, looking at all of it every time.
const LONG_SPACE_BYTES: usize = 256;

/// How a text is to be understood when it is cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Paragraphs, lines, sentences, words.
    #[default]
    Text,
    /// Headings, blocks and inline elements of Markdown, then as for text.
    Markdown,
}

/// A piece of a text that is embedded and found as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its place among the chunks of the text, from 0.
    pub number: u32,
    /// Byte offset of its first byte in the decoded text.
    pub start: u64,
    /// Byte offset after its last byte in the decoded text.
    pub end: u64,
    /// The text between the two, without white space at its ends; in Markdown with the
    /// indentation of its first line where it has several.
    pub text: String,
}

impl AsRef<str> for Chunk {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// A place in a text before which all chunks are settled, and all that the chunks after it
/// depend on: a [`Chunker`] that goes on from it gives the same chunks as one that never stopped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Byte offset in the decoded text from which it has to be pushed again.
    pub base: u64,
    /// The number of the next chunk.
    pub next_number: u32,
    emitted_end: u64,
    fence: FenceTracker,
}

/// Cuts a text that arrives in pieces into chunks.
///
/// Guarantees, however the text is divided among the pushes: the chunks are the same;
/// each is a slice of the text, no longer than the strategy's limit, and ends after the
/// one before; every character but white space is in at least one. They are
/// the chunks of `text-splitter` on the whole text except near the ends of windows, where
/// about one chunk may be cut elsewhere, and at white space of 256 bytes or more, where a
/// chunk always ends. A window has 64 KiB, or as much as 144 chunks where that is less;
/// text without sentences and lines, or with nothing else, is cut in windows of about
/// eight chunks. So the time is in proportion to the text's length, whatever it is made
/// of, and the memory to the window (at most 2 MiB of text), however long its lines are.
///
/// ```
/// use dayfly_core::chunk::{Chunker, ChunkingStrategy, Format};
///
/// let mut chunker = Chunker::new(ChunkingStrategy::Auto, Format::Text)?;
/// let mut chunks = chunker.push("A text ");
/// chunks.extend(chunker.push("in two pieces. "));
/// chunks.extend(chunker.finish());
/// assert_eq!(chunks[0].text, "A text in two pieces.");
/// # Ok::<(), dayfly_core::chunk::StrategyError>(())
/// ```
pub struct Chunker {
    splitter: Splitter,
    format: Format,
    /// Text from `settled.base` on.
    buffer: String,
    windows: Windows,
    /// Bytes that are gathered before any are split.
    window: usize,
    /// Bytes that are split at once at the least; 0 where it is not known how many are too few.
    least: usize,
    settled: Checkpoint,
}

impl Chunker {
    /// Fails where the strategy's sizes are out of their bounds.
    pub fn new(strategy: ChunkingStrategy, format: Format) -> Result<Self, StrategyError> {
        Self::with_windows(strategy, format, Windows::of(strategy))
    }

    pub(crate) fn with_windows(
        strategy: ChunkingStrategy,
        format: Format,
        windows: Windows,
    ) -> Result<Self, StrategyError> {
        let splitter = Splitter::new(strategy, format)?;
        Ok(Self {
            splitter,
            format,
            buffer: String::new(),
            windows,
            window: windows.whole,
            least: 0,
            settled: Checkpoint::default(),
        })
    }

    /// Goes on from `checkpoint`, which a chunker of the same strategy and format gave: the text
    /// is pushed from its `base` on.
    #[must_use]
    pub fn resume(self, checkpoint: Checkpoint) -> Self {
        Self {
            buffer: String::new(),
            window: self.windows.whole,
            least: 0,
            settled: checkpoint,
            ..self
        }
    }

    /// Where another chunker can go on. Its `base` lags behind what was pushed by at most the
    /// window, 2 MiB.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.settled
    }

    /// Takes up the next piece of the text and gives the chunks that are settled now.
    pub fn push(&mut self, mut text: &str) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        loop {
            let room = self.window.saturating_sub(self.buffer.len());
            let (now, later) = text.split_at(text.ceil_char_boundary(room));
            self.buffer.push_str(now);
            text = later;
            if self.buffer.len() < self.window {
                return chunks;
            }
            self.split_window(&mut chunks);
        }
    }

    /// Gives the chunks of what is left.
    pub fn finish(mut self) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        loop {
            let (end, space) = (self.buffer.len(), self.leading_space(self.buffer.len()));
            let size = self.size(end);
            match space {
                Some(space) => self.split_up_to(space, &mut chunks),
                None if size < end => self.split_front(size, &mut chunks),
                None => {
                    self.split_up_to(end..end, &mut chunks);
                    return chunks;
                }
            }
        }
    }

    fn split_window(&mut self, chunks: &mut Vec<Chunk>) {
        match self.leading_space(self.window) {
            Some(space) => self.split_up_to(space, chunks),
            None => self.split_front(self.size(self.window), chunks),
        }
    }

    fn leading_space(&self, within: usize) -> Option<Range<usize>> {
        long_space(&self.buffer[..self.buffer.floor_char_boundary(within)])
    }

    /// How many of the next `most` bytes to split at once.
    fn size(&self, most: usize) -> usize {
        let size = match self.least {
            0 => self.windows.size(&self.buffer.as_bytes()[..most]),
            least => least,
        };
        size.min(most)
    }

    /// Splits about `size` bytes, and settles the chunks that do not depend on what follows. Where
    /// there are none, more are split the next time.
    fn split_front(&mut self, size: usize, chunks: &mut Vec<Chunk>) {
        let end = self.buffer.floor_char_boundary(size);
        let mut ranges = self.split(end);
        let Some(last) = ranges.last().cloned() else {
            return self.drop_front(end);
        };
        let settled = match ranges.len().saturating_sub(UNSETTLED_CHUNKS) {
            0 if size < MAX_WINDOW_BYTES => {
                self.least = (size * 2).min(MAX_WINDOW_BYTES);
                self.window = self.window.max(self.least);
                return;
            }
            0 => ranges.len() - 1,
            settled => settled,
        };
        let mut resume = self.resume_at(ranges[settled].start);
        if resume == 0 {
            // One chunk, and little but white space to the end of the largest window.
            resume = last.end;
        } else {
            ranges.truncate(settled);
        }
        for range in ranges {
            self.emit(range, chunks);
        }
        self.drop_front(resume);
    }

    /// Settles all that is before the white space `space`, and skips that.
    fn split_up_to(&mut self, space: Range<usize>, chunks: &mut Vec<Chunk>) {
        for range in self.split(space.start) {
            self.emit(range, chunks);
        }
        self.drop_front(space.end);
    }

    /// Splits the first `end` bytes of the buffer.
    fn split(&self, end: usize) -> Vec<Range<usize>> {
        let reopening = self.settled.fence.reopening();
        if reopening.is_empty() {
            return self.splitter.split(&self.buffer[..end]);
        }
        let code = [&reopening, &self.buffer[..end]].concat();
        let ranges = self.splitter.split(&code).into_iter();
        ranges
            .map(|range| {
                let end = range.end.saturating_sub(reopening.len());
                range.start.saturating_sub(reopening.len())..end
            })
            .filter(|range| !range.is_empty())
            .collect()
    }

    /// Where the next window begins so that the chunk at `start` is its first: with the
    /// indentation of its line, which means something in Markdown.
    fn resume_at(&self, start: usize) -> usize {
        let before = &self.buffer[..start];
        let line = before.trim_end_matches([' ', '\t']);
        match self.format {
            Format::Markdown if line.ends_with('\n') => line.len(),
            _ => start,
        }
    }

    fn drop_front(&mut self, length: usize) {
        if self.format == Format::Markdown {
            self.settled.fence.advance(&self.buffer[..length]);
        }
        self.buffer.drain(..length);
        self.settled.base += length as u64;
        self.window = self.windows.whole;
        self.least = 0;
    }

    fn emit(&mut self, range: Range<usize>, chunks: &mut Vec<Chunk>) {
        let slice = &self.buffer[range.clone()];
        let text = slice.trim_start_matches(['\n', '\r']);
        let start = self.settled.base + (range.end - text.len()) as u64;
        let end = self.settled.base + range.end as u64;
        if end <= self.settled.emitted_end || text.trim_start().is_empty() {
            return;
        }
        chunks.push(Chunk {
            number: self.settled.next_number,
            start,
            end,
            text: text.to_owned(),
        });
        self.settled.next_number += 1;
        self.settled.emitted_end = end;
    }
}

/// The first run of white space of at least `LONG_SPACE_BYTES` in `text`.
fn long_space(text: &str) -> Option<Range<usize>> {
    // Every such run lies over one of these places.
    for place in (0..text.len()).step_by(LONG_SPACE_BYTES) {
        let (before, after) = text.split_at(text.floor_char_boundary(place));
        if !after.starts_with(char::is_whitespace) {
            continue;
        }
        let start = before.trim_end().len();
        let end = text.len() - after.trim_start().len();
        if end - start >= LONG_SPACE_BYTES {
            return Some(start..end);
        }
    }
    None
}

#[cfg(test)]
mod tests;
