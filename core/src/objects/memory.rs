//! Objects in memory, for tests.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ObjectError, ObjectMeta, ObjectWriter, Objects, Part};

type Shared = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Objects in memory, for tests and simulation. Clones share the same objects.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects {
    objects: Shared,
}

impl MemoryObjects {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemoryWriter {
    objects: MemoryObjects,
    key: String,
    data: Vec<u8>,
}

impl ObjectWriter for MemoryWriter {
    fn write(&mut self, data: &[u8]) -> Result<(), ObjectError> {
        self.data.extend_from_slice(data);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<u64, ObjectError> {
        let size = self.data.len() as u64;
        self.objects.put(&self.key, &self.data)?;
        Ok(size)
    }
}

impl Objects for MemoryObjects {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.lock().get(key).cloned().ok_or(ObjectError::NotFound)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        let objects = self.lock();
        let data = objects.get(key).ok_or(ObjectError::NotFound)?;
        let end = range.end.min(data.len() as u64) as usize;
        let start = (range.start.min(end as u64)) as usize;
        Ok(data[start..end].to_vec())
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let one = |(key, range): &Part| match range {
            Some(range) => self.get_range(key, range.clone()),
            None => self.get(key),
        };
        parts.iter().map(one).collect()
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        let objects = self.lock();
        let data = objects.get(key).ok_or(ObjectError::NotFound)?;
        Ok(meta(key, data))
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.lock().insert(key.to_owned(), data.to_vec());
        Ok(())
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        let mut objects = self.lock();
        if objects.contains_key(key) {
            return Err(ObjectError::AlreadyExists);
        }
        objects.insert(key.to_owned(), data.to_vec());
        Ok(())
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        let objects = self.lock();
        let from = match start_after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        Ok(objects
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit.min(1_000) as usize)
            .map(|(key, data)| meta(key, data))
            .collect())
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let mut names: Vec<String> = Vec::new();
        for key in self.lock().keys() {
            let Some((name, _)) = key
                .strip_prefix(prefix)
                .and_then(|rest| rest.split_once('/'))
            else {
                continue;
            };
            if names.last().is_none_or(|last| last != name) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.lock().remove(key);
        Ok(())
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        let mut objects = self.lock();
        for key in keys {
            objects.remove(key);
        }
        Ok(())
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        Ok(Box::new(MemoryWriter {
            objects: self.clone(),
            key: key.to_owned(),
            data: Vec::new(),
        }))
    }
}

fn meta(key: &str, data: &[u8]) -> ObjectMeta {
    ObjectMeta {
        key: key.to_owned(),
        size: data.len() as u64,
        modified_ms: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_deleted_whether_they_are_there_or_not() {
        let objects = MemoryObjects::default();
        for key in ["a", "b", "c"] {
            objects.put(key, b"").unwrap();
        }
        let keys = ["a", "c", "never"].map(str::to_owned);
        for _ in 0..2 {
            objects.delete_many(&keys).unwrap();
        }
        let left = objects.list_all("").unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].key, "b");
    }
}
