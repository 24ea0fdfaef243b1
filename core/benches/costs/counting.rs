use std::cell::Cell;
use std::ops::{AddAssign, Range};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dayfly_core::objects::{MemoryObjects, ObjectError, ObjectMeta, ObjectWriter, Objects, Part};

/// What storage was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub requests: u64,
    pub read: u64,
    pub written: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.read += other.read;
        self.written += other.written;
    }
}

/// Objects in memory that count requests and bytes: each part of several reads is a request, and
/// so is a thousand keys that are listed or deleted at once, as in S3.
#[derive(Clone, Default)]
pub struct Counting {
    inner: MemoryObjects,
    requests: Rc<Cell<u64>>,
    read: Rc<Cell<u64>>,
    written: Arc<AtomicU64>,
}

impl Counting {
    /// What was counted since the last time.
    pub fn take(&self) -> Counts {
        Counts {
            requests: self.requests.take(),
            read: self.read.take(),
            written: self.written.swap(0, Ordering::Relaxed),
        }
    }

    /// Counts these, too.
    pub fn add(&self, counts: Counts) {
        self.requests.set(self.requests.get() + counts.requests);
        self.read.set(self.read.get() + counts.read);
        self.written.fetch_add(counts.written, Ordering::Relaxed);
    }

    fn ask(&self, requests: usize) -> &MemoryObjects {
        self.requests.set(self.requests.get() + requests as u64);
        &self.inner
    }

    fn got(&self, data: Result<Vec<u8>, ObjectError>) -> Result<Vec<u8>, ObjectError> {
        let bytes = data.as_ref().map_or(0, |data| data.len() as u64);
        self.read.set(self.read.get() + bytes);
        data
    }

    fn wrote(&self, data: &[u8]) {
        self.written.fetch_add(data.len() as u64, Ordering::Relaxed);
    }
}

struct Writer {
    inner: Box<dyn ObjectWriter>,
    written: Arc<AtomicU64>,
}

impl ObjectWriter for Writer {
    fn write(&mut self, data: &[u8]) -> Result<(), ObjectError> {
        self.written.fetch_add(data.len() as u64, Ordering::Relaxed);
        self.inner.write(data)
    }

    fn finish(self: Box<Self>) -> Result<u64, ObjectError> {
        self.inner.finish()
    }
}

impl Objects for Counting {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.got(self.ask(1).get(key))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.got(self.ask(1).get_range(key, range))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let answers = self.ask(parts.len()).get_many(parts).into_iter();
        answers.map(|answer| self.got(answer)).collect()
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.ask(1).head(key)
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.wrote(data);
        self.ask(1).put(key, data)
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.wrote(data);
        self.ask(1).put_new(key, data)
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.ask(1).list(prefix, start_after, limit)
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.ask(1).folders(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.ask(1).delete(key)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        self.ask(keys.len().div_ceil(1_000)).delete_many(keys)
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Ok(Box::new(Writer {
            inner: self.ask(1).create(key)?,
            written: self.written.clone(),
        }))
    }
}
