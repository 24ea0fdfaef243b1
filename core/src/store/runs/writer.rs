//! Writing a run.

use std::collections::BTreeSet;

use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use sha2::{Digest, Sha256};

use super::columns::{AttributeColumns, Kind};
use super::encode::places_of;
use super::index::{IndexBuilder, LeafRef, Root};
use super::leaf::{batch, content_bytes};
use super::packed::separator;
use super::reference::RunRef;
use super::schema::Shape;
use super::{
    FORMAT_VERSION, LEAF_BYTES, LEAF_ENTRIES, MAX_COLUMN_NAMES, MAX_FILE_ID_BYTES, RunError,
};
use crate::filter::AttributeValue;
use crate::home::Home;
use crate::objects::{ObjectWriter, Objects};
use crate::store::entry::{Change, FileEntry};

/// The least that Arrow allows: leaves are small, so that padding counts.
const ALIGNMENT: usize = 8;
/// What ends an Arrow stream.
const END_OF_STREAM: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// A root tells the counts of so many attributes: of those with columns, and of the next.
const RECORDED_NAMES: usize = 2 * MAX_COLUMN_NAMES;

/// Writes a run change by change to object storage.
///
/// Holds one leaf (64 changes or 32 KiB, or one larger change, a few times over while it is
/// encoded), and for each leaf written its place: about 100 bytes, and 8 for each column.
/// Dropped unfinished, it leaves nothing behind.
pub struct RunWriter {
    id: String,
    object: Box<dyn ObjectWriter>,
    written: u64,
    arrow: FileWriter<Vec<u8>>,
    shape: Shape,
    waiting: Vec<Change>,
    waiting_bytes: usize,
    index: IndexBuilder,
    /// The greatest file id of the leaves in the index.
    indexed: String,
    entries: u64,
    first: String,
    last: String,
    spilled: BTreeSet<String>,
    rest: u64,
    counts: AttributeColumns,
}

impl RunWriter {
    /// Begins the run's object. The commonest attributes of `columns` get columns; any other
    /// attribute is kept as well, but costs a filter on it more.
    pub fn create(
        objects: &dyn Objects,
        home: &Home,
        id: &str,
        columns: &AttributeColumns,
    ) -> Result<Self, RunError> {
        let shape = Shape::new(home, columns.columns());
        let options = IpcWriteOptions::try_new(ALIGNMENT, false, MetadataVersion::V5)
            .map_err(RunError::build)?;
        let arrow = FileWriter::try_new_with_options(Vec::new(), &shape.schema, options)
            .map_err(RunError::build)?;
        Ok(Self {
            id: id.to_owned(),
            object: objects.create(&home.run(id))?,
            written: 0,
            arrow,
            shape,
            waiting: Vec::new(),
            waiting_bytes: 0,
            index: IndexBuilder::default(),
            indexed: String::new(),
            entries: 0,
            first: String::new(),
            last: String::new(),
            spilled: BTreeSet::new(),
            rest: 0,
            counts: AttributeColumns::default(),
        })
    }

    /// How many changes were pushed.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Appends a change.
    ///
    /// Fails with [`RunError::Invalid`] where its file id is not greater than the one before or
    /// longer than [`MAX_FILE_ID_BYTES`], and for a number that is not finite.
    pub fn push(&mut self, change: &Change) -> Result<(), RunError> {
        self.check(change)?;
        let bytes = content_bytes(change);
        let full = self.waiting.len() == LEAF_ENTRIES || self.waiting_bytes + bytes > LEAF_BYTES;
        if full {
            self.flush()?;
        }
        if self.entries == 0 {
            change.file_id().clone_into(&mut self.first);
        }
        change.file_id().clone_into(&mut self.last);
        self.entries += 1;
        self.counts.observe(change);
        if let Some(file) = change.file() {
            self.note_rest(file);
        }
        self.waiting_bytes += bytes;
        self.waiting.push(change.clone());
        Ok(())
    }

    /// Writes what is left and the index. The run then exists, durably.
    ///
    /// `from` and `to` are the manifest versions whose changes it holds. Fails with
    /// [`RunError::Invalid`] when nothing was pushed.
    pub fn finish(mut self, from: u64, to: u64) -> Result<RunRef, RunError> {
        if self.entries == 0 {
            return Err(RunError::Invalid("a run has at least one entry".into()));
        }
        self.flush()?;
        let footer = self.end_stream()?;
        let (tail_at, root) = self.write_index()?;
        self.send(&footer)?;
        let bytes = self.object.finish()?;
        if bytes != self.written {
            return Err(RunError::Build(format!(
                "the storage kept {bytes} of {} bytes",
                self.written
            )));
        }
        Ok(RunRef {
            id: self.id,
            entries: self.entries,
            bytes,
            tail_at,
            tail_bytes: u32::try_from(root.len()).map_err(RunError::build)?,
            tail_sha256: format!("{:x}", Sha256::digest(&root)),
            first: self.first,
            last: self.last,
            from,
            to,
        })
    }

    fn check(&self, change: &Change) -> Result<(), RunError> {
        let id = change.file_id();
        if self.entries > 0 && id <= self.last.as_str() {
            let last = &self.last;
            let what = format!("{id:?} does not come after {last:?} in a run");
            return Err(RunError::Invalid(what));
        }
        if id.len() > MAX_FILE_ID_BYTES {
            let what = format!("a file id has {} bytes, over {MAX_FILE_ID_BYTES}", id.len());
            return Err(RunError::Invalid(what));
        }
        let bad = |value: &AttributeValue| matches!(value, AttributeValue::Number(number) if !number.is_finite());
        if change
            .file()
            .is_some_and(|file| file.attributes.values().any(bad))
        {
            let what = format!("an attribute of {id:?} is a number that is not finite");
            return Err(RunError::Invalid(what));
        }
        Ok(())
    }

    /// Notes which attributes of the file have no column.
    fn note_rest(&mut self, file: &FileEntry) {
        let mut any = false;
        for (name, value) in &file.attributes {
            if self.shape.has(name, Kind::of(value)) {
                continue;
            }
            any = true;
            if self.shape.has_name(name) && !self.spilled.contains(name) {
                self.spilled.insert(name.clone());
            }
        }
        self.rest += u64::from(any);
    }

    fn flush(&mut self) -> Result<(), RunError> {
        let (Some(first), Some(last)) = (self.waiting.first(), self.waiting.last()) else {
            return Ok(());
        };
        let first = separator(&self.indexed, first.file_id());
        last.file_id().clone_into(&mut self.indexed);
        self.drain()?;
        let batch = batch(&self.shape, &self.waiting)?;
        self.arrow.write(&batch).map_err(RunError::build)?;
        let encoded = self.arrow.get_ref();
        let places = places_of(&self.shape, encoded)
            .ok_or_else(|| RunError::build("a leaf was not encoded as expected"))?;
        let head = places[0].end;
        let leaf = LeafRef {
            first,
            at: self.written,
            head,
            body: u32::try_from(encoded.len() - head as usize).map_err(RunError::build)?,
            rows: self.waiting.len() as u32,
            crc: crc32fast::hash(encoded),
        };
        self.index.push(leaf, &places)?;
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.drain()
    }

    /// Sends the mark that ends the stream; answers the Arrow footer, which is to be sent last.
    fn end_stream(&mut self) -> Result<Vec<u8>, RunError> {
        self.drain()?;
        self.arrow.finish().map_err(RunError::build)?;
        let mut footer = std::mem::take(self.arrow.get_mut());
        if !footer.starts_with(&END_OF_STREAM) {
            return Err(RunError::build("the stream did not end as expected"));
        }
        footer.drain(..END_OF_STREAM.len());
        self.send(&END_OF_STREAM)?;
        Ok(footer)
    }

    /// Sends pages and root; answers where the root is, and the root.
    fn write_index(&mut self) -> Result<(u64, Vec<u8>), RunError> {
        let index = std::mem::take(&mut self.index);
        let mut counts = std::mem::take(&mut self.counts);
        counts.keep(RECORDED_NAMES);
        let (block, node) = index.finish(self.written, |bytes| self.send(bytes))?;
        let root = Root {
            format: FORMAT_VERSION,
            columns: self.shape.columns.clone(),
            spilled: std::mem::take(&mut self.spilled).into_iter().collect(),
            rest: self.rest,
            counts,
            block,
            node,
        };
        let root = serde_json::to_vec(&root).map_err(RunError::build)?;
        let at = self.written;
        self.send(&root)?;
        // Some readers map the file, and want the footer aligned.
        let over = (self.written % ALIGNMENT as u64) as usize;
        if over > 0 {
            self.send(&[0; ALIGNMENT][over..])?;
        }
        Ok((at, root))
    }

    /// Sends on what was encoded so far.
    fn drain(&mut self) -> Result<(), RunError> {
        let mut encoded = std::mem::take(self.arrow.get_mut());
        self.send(&encoded)?;
        encoded.clear();
        *self.arrow.get_mut() = encoded;
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.written += bytes.len() as u64;
        Ok(self.object.write(bytes)?)
    }
}
