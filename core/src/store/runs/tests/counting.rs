use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::objects::{MemoryObjects, ObjectError, ObjectMeta, ObjectWriter, Objects, Part};

/// Objects in memory that count what is read of them and how it is written.
#[derive(Default)]
pub(super) struct Counting {
    pub inner: MemoryObjects,
    counts: Mutex<Counts>,
    pieces: Arc<Mutex<Vec<usize>>>,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    /// Calls of `get_many`.
    pub rounds: usize,
    /// Ranges in them.
    pub reads: usize,
    pub bytes: u64,
    /// The most bytes of one round.
    pub largest_round: u64,
}

impl Counting {
    /// What was counted since the last time.
    pub(super) fn take(&self) -> Counts {
        std::mem::take(&mut *self.counts.lock().unwrap())
    }

    /// The sizes of the pieces that were written.
    pub(super) fn pieces(&self) -> Vec<usize> {
        self.pieces.lock().unwrap().clone()
    }
}

struct Writer {
    inner: Box<dyn ObjectWriter>,
    pieces: Arc<Mutex<Vec<usize>>>,
}

impl ObjectWriter for Writer {
    fn write(&mut self, data: &[u8]) -> Result<(), ObjectError> {
        self.pieces.lock().unwrap().push(data.len());
        self.inner.write(data)
    }

    fn finish(self: Box<Self>) -> Result<u64, ObjectError> {
        self.inner.finish()
    }
}

impl Objects for Counting {
    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let answers = self.inner.get_many(parts);
        let sizes = answers.iter().flatten().map(|data| data.len() as u64);
        let bytes = sizes.sum();
        let mut counts = self.counts.lock().unwrap();
        counts.rounds += 1;
        counts.reads += parts.len();
        counts.bytes += bytes;
        counts.largest_round = counts.largest_round.max(bytes);
        answers
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.inner.head(key)
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Ok(Box::new(Writer {
            inner: self.inner.create(key)?,
            pieces: self.pieces.clone(),
        }))
    }

    fn get(&self, _: &str) -> Result<Vec<u8>, ObjectError> {
        unreachable!("runs are read by range")
    }

    fn get_range(&self, _: &str, _: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        unreachable!("runs are read many ranges at once")
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<(), ObjectError> {
        unreachable!("runs are written piece by piece")
    }

    fn put_new(&self, _: &str, _: &[u8]) -> Result<(), ObjectError> {
        unreachable!("runs are written piece by piece")
    }

    fn list(&self, _: &str, _: Option<&str>, _: u32) -> Result<Vec<ObjectMeta>, ObjectError> {
        unreachable!("runs are named by the manifest")
    }

    fn folders(&self, _: &str) -> Result<Vec<String>, ObjectError> {
        unreachable!("runs are named by the manifest")
    }

    fn delete(&self, _: &str) -> Result<(), ObjectError> {
        unreachable!("runs are deleted by whoever lets go of them")
    }
}
