mod history;
mod model;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use super::{Embedding, FileEntry, Manifest, StoreInfo, Table, change};
use crate::chunk::ChunkingStrategy;
use crate::error::ApiError;
use crate::objects::{ObjectError, ObjectMeta, ObjectWriter, Objects, Part};
use crate::segment::{NewRow, SegmentMeta, SegmentSpec, SegmentWriter};

const STORE: &str = "vs_test";
const DIMENSION: usize = 4;

fn first() -> Manifest {
    let info = StoreInfo {
        id: STORE.to_owned(),
        name: None,
        created_at: 1,
        metadata: BTreeMap::new(),
        expires_after: None,
        embedding: Embedding {
            model: "m".to_owned(),
            dimension: Some(DIMENSION as u32),
            metric: "cosine".to_owned(),
        },
    };
    Manifest::first(info, 1_000)
}

/// Writes a segment of one file with these vectors.
fn segment(
    objects: &dyn Objects,
    id: &str,
    file_id: &str,
    vectors: &[[f32; DIMENSION]],
) -> SegmentMeta {
    let spec = SegmentSpec {
        store: STORE.to_owned(),
        id: id.to_owned(),
        model: "m".to_owned(),
        dimension: DIMENSION as u32,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(objects, spec).unwrap();
    for (number, vector) in vectors.iter().enumerate() {
        let row = NewRow {
            file_id,
            chunk: number as u32,
            start: number as u64,
            end: number as u64 + 1,
            text: &format!("{id} {number}"),
            vector,
        };
        writer.push(&row).unwrap();
    }
    writer.finish(objects).unwrap()
}

fn entry(file_id: &str, ingest_id: &str, segment: &SegmentMeta) -> FileEntry {
    FileEntry {
        file_id: file_id.to_owned(),
        filename: format!("{file_id}.txt"),
        ingest_id: ingest_id.to_owned(),
        created_at: 1,
        usage_bytes: segment.bytes,
        chunking: ChunkingStrategy::Auto,
        attributes: BTreeMap::new(),
        segments: vec![segment.id.clone()],
    }
}

/// Ingests a file as a guest does.
fn add(
    objects: &dyn Objects,
    file_id: &str,
    ingest_id: &str,
    vectors: &[[f32; DIMENSION]],
) -> Result<Manifest, ApiError> {
    let segment = segment(objects, &format!("seg-{ingest_id}"), file_id, vectors);
    let file = entry(file_id, ingest_id, &segment);
    change(objects, STORE, 2_000, |newest| {
        let table = Table::of(objects, newest)?;
        Ok(Some(newest.with_file(
            &table,
            file.clone(),
            vec![segment.clone()],
            2_000,
        )))
    })
}

/// Objects where something happens just before a `put_new`, or to its answer.
struct Interrupted<'a> {
    inner: &'a dyn Objects,
    before_put_new: RefCell<Option<Box<dyn FnOnce() + 'a>>>,
    instead_of_done: RefCell<Option<ObjectError>>,
}

impl<'a> Interrupted<'a> {
    fn new(inner: &'a dyn Objects, before_put_new: impl FnOnce() + 'a) -> Self {
        Self {
            inner,
            before_put_new: RefCell::new(Some(Box::new(before_put_new))),
            instead_of_done: RefCell::new(None),
        }
    }

    /// The next `put_new` is done, and says that it was not.
    fn denying(inner: &'a dyn Objects, answer: ObjectError) -> Self {
        Self {
            inner,
            before_put_new: RefCell::new(None),
            instead_of_done: RefCell::new(Some(answer)),
        }
    }
}

impl Objects for Interrupted<'_> {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.inner.get(key)
    }
    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.inner.get_range(key, range)
    }
    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        self.inner.get_many(parts)
    }
    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.inner.head(key)
    }
    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.inner.put(key, data)
    }
    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        let interruption = self.before_put_new.borrow_mut().take();
        if let Some(interrupt) = interruption {
            interrupt();
        }
        self.inner.put_new(key, data)?;
        self.instead_of_done.borrow_mut().take().map_or(Ok(()), Err)
    }
    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.inner.list(prefix, start_after, limit)
    }
    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.inner.folders(prefix)
    }
    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.inner.delete(key)
    }
    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.inner.create(key)
    }
}
