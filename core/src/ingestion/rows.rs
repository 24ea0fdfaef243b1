//! Writing a file's rows as segments.

use std::ops::Range;

use crate::home::Home;
use crate::pending::segment_prefix;
use crate::platform::Platform;
use crate::segment::{NewRow, SegmentError, SegmentMeta, SegmentSpec, SegmentWriter, max_rows};
use crate::store::Indexing;

/// Whose rows are written, and where.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Storage and chance.
    pub platform: Platform<'a>,
    /// The store's.
    pub home: &'a Home,
    /// What made the vectors.
    pub model: &'a str,
    /// How large segments become, and from when on they have a graph.
    pub indexing: Indexing,
    /// The file.
    pub file_id: &'a str,
    /// The ingestion, which its segments are named after.
    pub ingest_id: &'a str,
}

/// Writes a file's rows into as many segments as they need.
pub struct RowWriter<'a> {
    target: Target<'a>,
    dimension: Option<u32>,
    open: Option<SegmentWriter>,
    next_chunk: u32,
}

impl<'a> RowWriter<'a> {
    /// A writer of the rows from chunk `next_chunk` on, whose dimension is `dimension`, or that
    /// of the first of them.
    pub fn new(target: Target<'a>, dimension: Option<u32>, next_chunk: u32) -> Self {
        Self {
            target,
            dimension,
            open: None,
            next_chunk,
        }
    }

    /// What the next vectors have to have, once it is known.
    pub fn dimension(&self) -> Option<u32> {
        self.dimension
    }

    /// The number of the first chunk that was not pushed.
    pub fn next_chunk(&self) -> u32 {
        self.next_chunk
    }

    /// Whether the open segment has as many rows as one may have: it has to be closed before the
    /// next one is pushed.
    pub fn is_full(&self) -> bool {
        let dimension = self.dimension.unwrap_or_default();
        let most = max_rows(self.target.indexing.segment_max_rows, dimension);
        self.open.as_ref().is_some_and(|open| open.rows() >= most)
    }

    /// Appends the next chunk, which is at `place` in the file's text, and its vector.
    ///
    /// # Errors
    /// As [`SegmentWriter::push`].
    pub fn push(
        &mut self,
        place: Range<u64>,
        text: &str,
        vector: &[f32],
    ) -> Result<(), SegmentError> {
        let dimension = *self.dimension.get_or_insert(vector.len() as u32);
        let writer = match self.open.take() {
            Some(writer) => writer,
            None => SegmentWriter::create(self.target.platform.objects, self.spec(dimension))?,
        };
        let writer = self.open.insert(writer);
        writer.push(&NewRow {
            file_id: self.target.file_id,
            chunk: self.next_chunk,
            start: place.start,
            end: place.end,
            text,
            vector,
        })?;
        self.next_chunk += 1;
        Ok(())
    }

    fn spec(&self, dimension: u32) -> SegmentSpec {
        let Target {
            platform,
            home,
            model,
            indexing,
            ingest_id,
            ..
        } = self.target;
        SegmentSpec {
            home: home.clone(),
            id: platform.new_id(&segment_prefix(ingest_id)),
            model: model.to_owned(),
            dimension,
            graph_min_rows: indexing.graph_min_rows,
            base: None,
        }
    }

    /// Completes the open segment, if there is one.
    ///
    /// # Errors
    /// As [`SegmentWriter::finish`].
    pub fn close(&mut self) -> Result<Option<SegmentMeta>, SegmentError> {
        match self.open.take() {
            Some(open) => Ok(Some(open.finish(self.target.platform.objects)?.meta)),
            None => Ok(None),
        }
    }
}
