//! The objects of a run, read by `core`'s own code without time passing.

use std::ops::Range;

use dayfly_core::objects::{ObjectError, ObjectMeta, ObjectWriter, Objects, Part};
use dayfly_core::platform::Clock;

use crate::storage::Storage;
use crate::world::World;

/// Lets an auditor read a run's objects through `core`. Every write is denied.
#[derive(Debug, Clone, Copy)]
pub struct Observer<'a> {
    storage: &'a Storage,
}

impl<'a> Observer<'a> {
    /// Of `storage`.
    pub fn new(storage: &'a Storage) -> Self {
        Self { storage }
    }
}

fn denied<T>() -> Result<T, ObjectError> {
    Err(ObjectError::Denied(
        "an observer changes nothing".to_owned(),
    ))
}

impl Objects for Observer<'_> {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.storage.read(key, None)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.storage.read(key, Some(&range))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let one = |(key, range): &Part| self.storage.read(key, range.as_ref());
        parts.iter().map(one).collect()
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.storage.head(key)
    }

    fn put(&self, _key: &str, _data: &[u8]) -> Result<(), ObjectError> {
        denied()
    }

    fn put_new(&self, _key: &str, _data: &[u8]) -> Result<(), ObjectError> {
        denied()
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        Ok(self.storage.page(prefix, start_after, limit))
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        Ok(self.storage.folders(prefix))
    }

    fn delete(&self, _key: &str) -> Result<(), ObjectError> {
        denied()
    }

    fn create(&self, _key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        denied()
    }
}

/// The true time; nothing random; pauses that take no time.
impl Clock for World {
    fn now_ms(&self) -> u64 {
        self.true_ms()
    }

    fn random(&self) -> u64 {
        0
    }

    fn pause(&self, _milliseconds: u64) {}
}
