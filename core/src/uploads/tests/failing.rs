use std::cell::Cell;
use std::ops::Range;

use crate::objects::{MemoryObjects, ObjectError, ObjectMeta, ObjectWriter, Objects, Part};

/// Storage that goes away after some calls.
pub struct Failing {
    inner: MemoryObjects,
    calls_left: Cell<u32>,
    failed: Cell<bool>,
}

impl Failing {
    pub fn after(inner: &MemoryObjects, calls: u32) -> Self {
        Self {
            inner: inner.clone(),
            calls_left: calls.into(),
            failed: false.into(),
        }
    }

    pub fn has_failed(&self) -> bool {
        self.failed.get()
    }

    fn reach(&self) -> Result<&MemoryObjects, ObjectError> {
        let Some(left) = self.calls_left.get().checked_sub(1) else {
            self.failed.set(true);
            return Err(ObjectError::Unavailable("gone".to_owned()));
        };
        self.calls_left.set(left);
        Ok(&self.inner)
    }
}

impl Objects for Failing {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.reach()?.get(key)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.reach()?.get_range(key, range)
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        match self.reach() {
            Ok(objects) => objects.get_many(parts),
            Err(error) => parts.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.reach()?.head(key)
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.reach()?.put(key, data)
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.reach()?.put_new(key, data)
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.reach()?.list(prefix, start_after, limit)
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.reach()?.folders(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.reach()?.delete(key)
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.reach()?.create(key)
    }
}
