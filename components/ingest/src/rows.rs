//! Writing a file's rows as segments.

use dayfly_core::api::ApiError;
use dayfly_core::chunk::Chunk;
use dayfly_core::pending::segment_prefix;
use dayfly_core::segment::{NewRow, SegmentMeta, SegmentSpec, SegmentWriter, max_rows};
use dayfly_core::store::Manifest;
use dayfly_guest::platform;
use dayfly_guest::platform::{PlatformObjects, Settings};

/// Writes a file's rows into as many segments as they need.
pub struct RowWriter<'a> {
    manifest: &'a Manifest,
    ingest_id: &'a str,
    file_id: &'a str,
    settings: &'a Settings,
    dimension: Option<u32>,
    open: Option<SegmentWriter>,
    next_chunk: u32,
}

impl<'a> RowWriter<'a> {
    /// A writer of the rows from chunk `next_chunk` on, whose dimension is `dimension`, or that
    /// of the first of them.
    pub fn new(
        manifest: &'a Manifest,
        ingest_id: &'a str,
        file_id: &'a str,
        settings: &'a Settings,
        dimension: Option<u32>,
        next_chunk: u32,
    ) -> Self {
        Self {
            manifest,
            ingest_id,
            file_id,
            settings,
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
        let most = max_rows(self.settings.indexing.segment_max_rows, dimension);
        self.open.as_ref().is_some_and(|open| open.rows() >= most)
    }

    /// Appends a chunk and its vector.
    pub fn push(&mut self, chunk: &Chunk, vector: &[f32]) -> Result<(), ApiError> {
        let dimension = *self.dimension.get_or_insert(vector.len() as u32);
        let writer = match self.open.take() {
            Some(writer) => writer,
            None => SegmentWriter::create(&PlatformObjects, self.spec(dimension))?,
        };
        let writer = self.open.insert(writer);
        writer.push(&NewRow {
            file_id: self.file_id,
            chunk: chunk.number,
            start: chunk.start,
            end: chunk.end,
            text: &chunk.text,
            vector,
        })?;
        self.next_chunk = chunk.number + 1;
        Ok(())
    }

    fn spec(&self, dimension: u32) -> SegmentSpec {
        let prefix = segment_prefix(self.ingest_id);
        SegmentSpec {
            home: self.manifest.home(),
            id: platform().new_id(&prefix),
            model: self.manifest.store.embedding.model.clone(),
            dimension,
            graph_min_rows: self.settings.indexing.graph_min_rows,
            base: None,
        }
    }

    /// Completes the open segment, if there is one.
    pub fn close(&mut self) -> Result<Option<SegmentMeta>, ApiError> {
        match self.open.take() {
            Some(open) => Ok(Some(open.finish(&PlatformObjects)?.meta)),
            None => Ok(None),
        }
    }
}
