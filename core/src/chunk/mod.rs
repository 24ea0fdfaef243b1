//! Cutting a text of any length into chunks, in bounded memory.

mod fence;
mod split;
mod strategy;
mod tokens;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::fence::FenceTracker;
use self::split::{Splitter, typical_bytes};
pub use self::strategy::{
    AUTO_CHARACTERS, AUTO_OVERLAP_CHARACTERS, ChunkingStrategy, StrategyError,
};

/// Bytes of text that are split at once. `text-splitter` looks at all that is left of a
/// text for every chunk, so that its cost grows with the square of the length.
const WINDOW_BYTES: usize = 64 * 1024;
/// A window holds at least this many typical chunks, so that little is split twice.
const WINDOW_CHUNKS: usize = 8;
/// Where a window does not hold enough chunks (of many bytes to a token or character) it
/// grows, up to this size. The largest chunk is 4096 tokens of 128 bytes, or 100,000
/// characters of 4 bytes, so this always holds several.
const MAX_WINDOW_BYTES: usize = 2 * 1024 * 1024;
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
/// the chunks of `text-splitter` on the whole text except near the ends of windows of
/// 64 KiB, where about one chunk may be cut elsewhere, and at white space of 256 bytes or
/// more, where a chunk always ends. Memory stays in proportion to the window (at most
/// 2 MiB of text), whatever the text's length or the length of its lines.
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
    base_window: usize,
    window: usize,
    settled: Checkpoint,
}

impl Chunker {
    /// Fails where the strategy's sizes are out of their bounds.
    pub fn new(strategy: ChunkingStrategy, format: Format) -> Result<Self, StrategyError> {
        let window = WINDOW_BYTES.max(typical_bytes(strategy) * WINDOW_CHUNKS);
        Self::with_window(strategy, format, window)
    }

    pub(crate) fn with_window(
        strategy: ChunkingStrategy,
        format: Format,
        window: usize,
    ) -> Result<Self, StrategyError> {
        let splitter = Splitter::new(strategy, format)?;
        Ok(Self {
            splitter,
            format,
            buffer: String::new(),
            base_window: window,
            window,
            settled: Checkpoint::default(),
        })
    }

    /// Goes on from `checkpoint`, which a chunker of the same strategy and format gave: the text
    /// is pushed from its `base` on.
    #[must_use]
    pub fn resume(self, checkpoint: Checkpoint) -> Self {
        Self {
            buffer: String::new(),
            window: self.base_window,
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
        while let Some(space) = long_space(&self.buffer) {
            self.split_up_to(space, &mut chunks);
        }
        let end = self.buffer.len();
        self.split_up_to(end..end, &mut chunks);
        chunks
    }

    fn split_window(&mut self, chunks: &mut Vec<Chunk>) {
        let end = self.buffer.floor_char_boundary(self.window);
        if let Some(space) = long_space(&self.buffer[..end]) {
            return self.split_up_to(space, chunks);
        }
        let mut ranges = self.split(end);
        let Some(last) = ranges.last().cloned() else {
            return self.drop_front(end);
        };
        let settled = match ranges.len().saturating_sub(UNSETTLED_CHUNKS) {
            0 if self.window < MAX_WINDOW_BYTES => {
                self.window = (self.window * 2).min(MAX_WINDOW_BYTES);
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
        self.window = self.base_window;
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
