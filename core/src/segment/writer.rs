//! Writing a segment.

use std::collections::HashSet;
use std::fmt::Display;

use arrow_ipc::writer::FileWriter;
use arrow_schema::SchemaRef;
use sha2::{Digest, Sha256};

use super::batch::{Columns, NewRow, schema};
use super::graph;
use super::layout::{LAYOUT_KEY, Layout};
use super::message::BatchMessage;
use super::meta::{BasePlace, FileRun, SegmentMeta, rows_key};
use super::slab::CodeSlab;
use super::vector::normalise;
use super::{MAX_DIMENSION, MAX_FILE_ID_BYTES, MAX_TEXT_BYTES, SegmentError, max_rows};
use crate::home::Home;
use crate::objects::{ObjectWriter, Objects};

/// What a segment is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSpec {
    /// The store it belongs to, in its present life.
    pub home: Home,
    /// Its id, unique in the store: letters, digits, `_` and `-`.
    pub id: String,
    /// The embedding model, recorded in the file.
    pub model: String,
    /// Components of each vector, at most [`MAX_DIMENSION`].
    pub dimension: u32,
    /// From this many rows on it gets a graph; `u32::MAX` for never.
    /// [`DEFAULT_GRAPH_MIN_ROWS`](super::DEFAULT_GRAPH_MIN_ROWS) unless configured.
    pub graph_min_rows: u32,
    /// Where it is to be part of an indexed base.
    pub base: Option<BasePlace>,
}

/// A segment that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What a manifest says of it.
    pub meta: SegmentMeta,
    /// Whose rows it has, in the order of the rows; each file once.
    pub files: Vec<FileRun>,
}

/// Writes a segment row by row to object storage.
///
/// Holds one batch (at most 2 MiB of vectors, 1 MiB of text and 256 KiB of file ids, three times
/// over while it is encoded) and, when a graph may be built, `dimension + 4` bytes for each row.
/// Dropped unfinished, it leaves nothing behind.
pub struct SegmentWriter {
    spec: SegmentSpec,
    schema: SchemaRef,
    object: Box<dyn ObjectWriter>,
    arrow: FileWriter<Vec<u8>>,
    columns: Columns,
    unit: Vec<f32>,
    layout: Layout,
    files: Vec<FileRun>,
    seen: HashSet<String>,
    rows: u32,
    written: u64,
    hash: Sha256,
    slab: Option<CodeSlab>,
}

impl SegmentWriter {
    /// Begins the segment's object.
    pub fn create(objects: &dyn Objects, spec: SegmentSpec) -> Result<Self, SegmentError> {
        check(&spec)?;
        let schema = schema(&spec);
        let arrow = FileWriter::try_new(Vec::new(), &schema).map_err(build_error)?;
        let reachable = spec.graph_min_rows <= max_rows(u32::MAX, spec.dimension);
        let slab = reachable.then(|| CodeSlab::new(spec.dimension));
        Ok(Self {
            object: objects.create(&rows_key(&spec.home, &spec.id, spec.base.as_ref()))?,
            spec,
            schema,
            arrow,
            columns: Columns::default(),
            unit: Vec::new(),
            layout: Layout::default(),
            files: Vec::new(),
            seen: HashSet::new(),
            rows: 0,
            written: 0,
            hash: Sha256::new(),
            slab,
        })
    }

    /// How many rows were pushed.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Whether a row of this file may be pushed: its rows have to follow one another.
    pub fn takes(&self, file_id: &str) -> bool {
        let goes_on = self.files.last().is_some_and(|run| run.file_id == file_id);
        goes_on || !self.seen.contains(file_id)
    }

    /// Appends a row. The rows of one file follow one another.
    ///
    /// Fails with [`SegmentError::Invalid`] for a vector of another dimension, one without
    /// direction or with a component that is not finite; a text over [`MAX_TEXT_BYTES`]; a file id
    /// that is empty or over [`MAX_FILE_ID_BYTES`]; and a file that was left and is taken up
    /// again. The caller begins another segment at
    /// [`max_rows`](super::max_rows).
    pub fn push(&mut self, row: &NewRow<'_>) -> Result<(), SegmentError> {
        self.check_row(row)?;
        self.unit.clear();
        self.unit.extend_from_slice(row.vector);
        normalise(&mut self.unit)?;
        if self.columns.is_full(self.spec.dimension, row.text) {
            self.flush()?;
        }
        self.columns.push(row, &self.unit);
        self.count(row.file_id);
        Ok(())
    }

    /// Completes the segment and, from `graph_min_rows` on, builds and writes its graph.
    ///
    /// `objects` is what the segment was created in. Building a graph takes about
    /// half a millisecond of CPU a row, and, up to [`max_rows`](super::max_rows), at most 36 MiB.
    pub fn finish(mut self, objects: &dyn Objects) -> Result<Written, SegmentError> {
        self.flush()?;
        let layout = serde_json::to_string(&self.layout).map_err(build_error)?;
        self.arrow.write_metadata(LAYOUT_KEY, layout);
        self.drain()?;
        self.arrow.finish().map_err(build_error)?;
        let tail = std::mem::take(self.arrow.get_mut());
        self.send(&tail)?;
        let bytes = self.object.finish()?;
        if bytes != self.written {
            return Err(SegmentError::Build(format!(
                "the storage kept {bytes} of {} bytes",
                self.written
            )));
        }
        let slab = self
            .slab
            .filter(|_| self.rows >= self.spec.graph_min_rows.max(1));
        let graph = match slab {
            Some(slab) => {
                let object = objects.create(&self.spec.home.graph(&self.spec.id))?;
                Some(graph::write(slab, object)?)
            }
            None => None,
        };
        let meta = SegmentMeta {
            id: self.spec.id,
            rows: self.rows,
            bytes,
            dimension: self.spec.dimension,
            tail_bytes: tail.len() as u32,
            tail_sha256: format!("{:x}", Sha256::digest(&tail)),
            sha256: format!("{:x}", self.hash.finalize()),
            graph,
            base: self.spec.base,
            legacy: false,
        };
        Ok(Written {
            meta,
            files: self.files,
        })
    }

    fn check_row(&self, row: &NewRow<'_>) -> Result<(), SegmentError> {
        let invalid = |what: String| Err(SegmentError::Invalid(what));
        let dimension = self.spec.dimension as usize;
        if row.vector.len() != dimension {
            return invalid(format!(
                "a vector has {} components where the store has {dimension}; embed with the \
                 store's model, or make a new store",
                row.vector.len()
            ));
        }
        if row.file_id.is_empty() || row.file_id.len() > MAX_FILE_ID_BYTES {
            return invalid(format!(
                "a file id has 1 to {MAX_FILE_ID_BYTES} bytes, not {}",
                row.file_id.len()
            ));
        }
        if row.text.len() > MAX_TEXT_BYTES {
            return invalid(format!(
                "a chunk has {} bytes, over {MAX_TEXT_BYTES}; split it into smaller ones",
                row.text.len()
            ));
        }
        if !self.takes(row.file_id) {
            return invalid(format!(
                "the rows of {} do not follow one another",
                row.file_id
            ));
        }
        Ok(())
    }

    fn count(&mut self, file_id: &str) {
        self.rows += 1;
        if let Some(run) = self.files.last_mut().filter(|run| run.file_id == file_id) {
            run.rows += 1;
            return;
        }
        self.seen.insert(file_id.to_owned());
        self.files.push(FileRun {
            file_id: file_id.to_owned(),
            rows: 1,
        });
    }

    fn flush(&mut self) -> Result<(), SegmentError> {
        if self.columns.rows() == 0 {
            return Ok(());
        }
        self.drain()?;
        if let Some(slab) = &mut self.slab {
            let (codes, scales) = self.columns.codes();
            slab.extend(codes, scales);
        }
        let batch = self.columns.take(&self.schema).map_err(build_error)?;
        self.arrow.write(&batch).map_err(build_error)?;
        let message = BatchMessage::parse(self.arrow.get_ref(), self.written)
            .ok_or_else(|| build_error("a batch was not encoded as expected"))?;
        self.layout.batches.push(message.columns);
        self.drain()
    }

    /// Sends on what was encoded so far.
    fn drain(&mut self) -> Result<(), SegmentError> {
        let mut encoded = std::mem::take(self.arrow.get_mut());
        self.send(&encoded)?;
        encoded.clear();
        *self.arrow.get_mut() = encoded;
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), SegmentError> {
        self.hash.update(bytes);
        self.written += bytes.len() as u64;
        Ok(self.object.write(bytes)?)
    }
}

fn check(spec: &SegmentSpec) -> Result<(), SegmentError> {
    if spec.dimension == 0 || spec.dimension > MAX_DIMENSION {
        return Err(SegmentError::Invalid(format!(
            "vectors have 1 to {MAX_DIMENSION} components, not {}; choose another model",
            spec.dimension
        )));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if spec.id.is_empty() || !spec.id.bytes().all(plain) {
        return Err(SegmentError::Invalid(format!(
            "{:?} is no segment id",
            spec.id
        )));
    }
    Ok(())
}

fn build_error(fault: impl Display) -> SegmentError {
    SegmentError::Build(fault.to_string())
}
