//! Storage that tells what was asked of it.

use std::cell::Cell;
use std::ops::Range;

use crate::codes::{Candidate, CodeSpan, CodedQuery};
use crate::objects::{
    MemoryObjects, NearestError, ObjectError, ObjectMeta, ObjectWriter, Objects, Part,
};

use crate::testing::nearest;

/// Memory that counts what is read of it, and may look through codes for itself.
#[derive(Default)]
pub(super) struct Counting {
    pub objects: MemoryObjects,
    pub looks: bool,
    /// Calls of `get_many`.
    pub rounds: Cell<usize>,
    /// Parts in them.
    pub reads: Cell<usize>,
    /// Bytes of those.
    pub bytes: Cell<usize>,
}

impl Objects for Counting {
    fn nearest(
        &self,
        spans: &[CodeSpan],
        queries: &[CodedQuery],
        limit: usize,
    ) -> Option<Result<Vec<Vec<Candidate>>, NearestError>> {
        if !self.looks {
            return None;
        }
        Some(nearest(&self.objects, spans, queries, limit))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let answers = self.objects.get_many(parts);
        let bytes: usize = answers.iter().flatten().map(Vec::len).sum();
        self.rounds.set(self.rounds.get() + 1);
        self.reads.set(self.reads.get() + parts.len());
        self.bytes.set(self.bytes.get() + bytes);
        answers
    }

    fn get(&self, _: &str) -> Result<Vec<u8>, ObjectError> {
        unimplemented!()
    }

    fn get_range(&self, _: &str, _: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        unimplemented!()
    }

    fn head(&self, _: &str) -> Result<ObjectMeta, ObjectError> {
        unimplemented!()
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<(), ObjectError> {
        unimplemented!()
    }

    fn put_new(&self, _: &str, _: &[u8]) -> Result<(), ObjectError> {
        unimplemented!()
    }

    fn list(&self, _: &str, _: Option<&str>, _: u32) -> Result<Vec<ObjectMeta>, ObjectError> {
        unimplemented!()
    }

    fn folders(&self, _: &str) -> Result<Vec<String>, ObjectError> {
        unimplemented!()
    }

    fn delete(&self, _: &str) -> Result<(), ObjectError> {
        unimplemented!()
    }

    fn create(&self, _: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        unimplemented!()
    }
}
