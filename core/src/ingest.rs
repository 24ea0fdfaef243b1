//! Reading a file as batches of chunks, from its beginning or from where an earlier reader came.

mod error;

use std::collections::VecDeque;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::chunk::{Checkpoint, Chunk, Chunker, ChunkingStrategy, Format};
use crate::decode::TextDecoder;
use crate::embedding::Batcher;
use crate::files::{self, FileMeta};
use crate::objects::Objects;

pub use error::IngestError;

/// Bytes read from storage at a time.
const READ_BYTES: u64 = 256 << 10;

/// A file to ingest.
#[derive(Debug, Clone)]
pub struct Source {
    /// What is known of it.
    pub file: FileMeta,
    /// How its text is to be understood.
    pub format: Format,
    /// How it is to be cut.
    pub chunking: ChunkingStrategy,
}

/// A place in a file from which it can be read on; the default is its beginning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Byte offset in the file as it was uploaded.
    source: u64,
    chunker: Checkpoint,
}

impl Position {
    /// Whether all chunks from number `chunks` on can be read from here.
    fn reaches(&self, chunks: u32) -> bool {
        self.chunker.next_number <= chunks
    }
}

/// What a piece of a file comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Chunks for one request.
    Batch(Vec<Chunk>),
    /// None yet, and there is more to read.
    Later,
    /// All was given.
    End,
}

/// A file's chunks in their order, in batches for the embedder, read as they are wanted. Where a chunk
/// begins and ends is told in bytes of the file, a byte order mark included.
///
/// Memory does not depend on the file's size.
pub struct Batches<'a> {
    objects: &'a dyn Objects,
    file: FileMeta,
    unread: Range<u64>,
    piece: u64,
    decoder: Option<TextDecoder>,
    chunker: Option<Chunker>,
    batcher: Option<Batcher<Chunk>>,
    ready: VecDeque<Vec<Chunk>>,
    /// Chunks before this number are left out.
    first: u32,
    /// How far places in the file are ahead of those in its text, where reading began.
    mark_bytes: u64,
    /// The same, where it has come to.
    ahead: u64,
    /// Where a reader can go on, ever later.
    positions: VecDeque<Position>,
}

impl<'a> Batches<'a> {
    /// The chunks from number `first` on; `from` is a place that [`position_before`] gave for that
    /// number or a smaller one. They are those that a reader of the whole file gets, whatever the
    /// place.
    ///
    /// # Errors
    ///
    /// The chunking's sizes are out of their bounds.
    ///
    /// [`position_before`]: Self::position_before
    pub fn new(
        objects: &'a dyn Objects,
        source: &Source,
        from: &Position,
        first: u32,
        batcher: Batcher<Chunk>,
    ) -> Result<Self, IngestError> {
        let chunker = Chunker::new(source.chunking, source.format)?;
        Ok(Self::with(objects, source, from, first, batcher, chunker))
    }

    fn with(
        objects: &'a dyn Objects,
        source: &Source,
        from: &Position,
        first: u32,
        batcher: Batcher<Chunk>,
        chunker: Chunker,
    ) -> Self {
        // A byte order mark is told at the beginning only.
        let (start, from) = match from.chunker.base {
            0 => (0, Position::default()),
            _ => (from.source, from.clone()),
        };
        Self {
            objects,
            file: source.file.clone(),
            unread: start..source.file.bytes,
            piece: READ_BYTES,
            decoder: Some(TextDecoder::at(start)),
            mark_bytes: start - from.chunker.base.min(start),
            ahead: start - from.chunker.base.min(start),
            chunker: Some(chunker.resume(from.chunker.clone())),
            batcher: Some(batcher),
            ready: VecDeque::new(),
            first,
            positions: VecDeque::from([from]),
        }
    }

    /// The next batch, where it takes no more than one more piece of the file.
    ///
    /// # Errors
    ///
    /// The file's bytes are gone, or no text, or whatever the storage answers.
    pub fn advance(&mut self) -> Result<Next, IngestError> {
        if self.ready.is_empty() && self.chunker.is_some() {
            self.read_on()?;
        }
        Ok(match self.ready.pop_front() {
            Some(batch) => Next::Batch(batch),
            None if self.is_at_end() => Next::End,
            None => Next::Later,
        })
    }

    /// Whether all batches were given.
    pub fn is_at_end(&self) -> bool {
        self.ready.is_empty() && self.chunker.is_none()
    }

    /// Whether a reader that goes on from chunk number `chunks` begins later than this one did.
    pub fn has_moved(&self, chunks: u32) -> bool {
        self.positions
            .get(1)
            .is_some_and(|place| place.reaches(chunks))
    }

    /// The latest place so far from which the chunks from number `chunks` on can be read. Numbers
    /// must not fall from one call to the next.
    pub fn position_before(&mut self, chunks: u32) -> Position {
        while self.has_moved(chunks) {
            self.positions.pop_front();
        }
        self.positions.front().cloned().unwrap_or_default()
    }

    fn read_on(&mut self) -> Result<(), IngestError> {
        if self.unread.is_empty() {
            return self.end();
        }
        let end = self.unread.end.min(self.unread.start + self.piece);
        let bytes = files::content(self.objects, &self.file, self.unread.start..end)?;
        if bytes.is_empty() {
            return Err(IngestError::Cut);
        }
        self.unread.start += bytes.len() as u64;
        let (Some(decoder), Some(chunker)) = (&mut self.decoder, &mut self.chunker) else {
            return Ok(());
        };
        let chunks = chunker.push(&decoder.push(&bytes)?);
        self.ahead = self.mark_bytes + decoder.mark_bytes();
        let settled = chunker.checkpoint().clone();
        self.note(settled);
        self.batch(chunks);
        Ok(())
    }

    fn end(&mut self) -> Result<(), IngestError> {
        if let Some(decoder) = self.decoder.take() {
            decoder.finish()?;
        }
        if let Some(chunker) = self.chunker.take() {
            let chunks = chunker.finish();
            self.batch(chunks);
        }
        let last = self.batcher.take().and_then(Batcher::finish);
        self.ready.extend(last);
        Ok(())
    }

    fn note(&mut self, settled: Checkpoint) {
        let newest = self.positions.back();
        if newest.is_some_and(|place| place.chunker.base == settled.base) {
            return;
        }
        self.positions.push_back(Position {
            source: settled.base + self.ahead,
            chunker: settled,
        });
    }

    fn batch(&mut self, chunks: Vec<Chunk>) {
        let (first, ahead) = (self.first, self.ahead);
        let in_file = |chunk: Chunk| Chunk {
            start: chunk.start + ahead,
            end: chunk.end + ahead,
            ..chunk
        };
        if let Some(batcher) = &mut self.batcher {
            let wanted = chunks.into_iter().filter(|chunk| chunk.number >= first);
            let wanted = wanted.map(in_file);
            let complete = wanted.filter_map(|chunk| batcher.push(chunk));
            self.ready.extend(complete);
        }
    }
}

#[cfg(test)]
mod tests;
