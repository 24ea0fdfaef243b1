use dayfly_core::chunk::Chunk;
use dayfly_core::error::ApiError;
use dayfly_core::ids;
use dayfly_core::objects::Objects;
use dayfly_core::segment::{NewRow, SegmentMeta, SegmentSpec, SegmentWriter, max_rows};
use dayfly_guest::clock;
use dayfly_guest::platform::{PlatformObjects, Settings};

/// Writes a file's rows into as many segments as they need.
pub struct RowWriter<'a> {
    store: &'a str,
    model: &'a str,
    file_id: &'a str,
    settings: &'a Settings,
    dimension: Option<u32>,
    open: Option<SegmentWriter>,
    finished: Vec<SegmentMeta>,
}

impl<'a> RowWriter<'a> {
    /// A writer of rows whose dimension is `dimension`, or that of the first row.
    pub fn new(
        store: &'a str,
        model: &'a str,
        file_id: &'a str,
        settings: &'a Settings,
        dimension: Option<u32>,
    ) -> Self {
        Self {
            store,
            model,
            file_id,
            settings,
            dimension,
            open: None,
            finished: Vec::new(),
        }
    }

    /// What the next vectors have to have, once it is known.
    pub fn dimension(&self) -> Option<u32> {
        self.dimension
    }

    /// Appends a chunk and its vector.
    pub fn push(&mut self, chunk: &Chunk, vector: &[f32]) -> Result<(), ApiError> {
        let dimension = *self.dimension.get_or_insert(vector.len() as u32);
        let most = max_rows(self.settings.indexing.segment_max_rows, dimension);
        if self.open.as_ref().is_some_and(|open| open.rows() >= most) {
            self.close()?;
        }
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
        Ok(())
    }

    fn spec(&self, dimension: u32) -> SegmentSpec {
        SegmentSpec {
            store: self.store.to_owned(),
            id: ids::time_ordered("seg-", clock::now_ms(), clock::random()),
            model: self.model.to_owned(),
            dimension,
            graph_min_rows: self.settings.indexing.graph_min_rows,
        }
    }

    fn close(&mut self) -> Result<(), ApiError> {
        if let Some(open) = self.open.take() {
            self.finished.push(open.finish(&PlatformObjects)?);
        }
        Ok(())
    }

    /// Completes the last segment.
    pub fn finish(mut self) -> Result<Vec<SegmentMeta>, ApiError> {
        match self.close() {
            Ok(()) => Ok(self.finished),
            Err(error) => {
                self.discard();
                Err(error)
            }
        }
    }

    /// Removes what was written, because it will not be committed.
    pub fn discard(self) {
        discard(self.store, &self.finished);
    }
}

/// Removes segments that no manifest names. What cannot be removed now is inert.
pub fn discard(store: &str, segments: &[SegmentMeta]) {
    for key in segments.iter().flat_map(|segment| segment.keys(store)) {
        let _ = PlatformObjects.delete(&key);
    }
}
