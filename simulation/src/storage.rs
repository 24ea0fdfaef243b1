//! The objects of a run: each request takes effect at one instant.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::rc::Rc;

use dayfly_core::objects::{ObjectError, ObjectMeta};

use crate::call::{Answer, Found, Request};
use crate::world::TaskId;

/// An object as it is now.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its bytes.
    pub data: Rc<[u8]>,
    /// When it was last written, by the storage's clock, which is the true one.
    pub modified_ms: u64,
    /// Who wrote it last.
    pub by: TaskId,
}

/// All objects, by key.
#[derive(Debug, Default)]
pub struct Storage {
    objects: BTreeMap<Rc<str>, Object>,
}

impl Storage {
    /// Every object, by key.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Object)> {
        self.objects.iter().map(|(key, object)| (&**key, object))
    }

    /// Every object below `prefix`, by key.
    pub fn below<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Object)> + use<'a> {
        let all = self
            .objects
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        all.map(|(key, object)| (&**key, object))
            .take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// The object at `key`.
    pub fn get(&self, key: &str) -> Option<&Object> {
        self.objects.get(key)
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Bytes of all objects.
    pub fn bytes(&self) -> u64 {
        self.objects
            .values()
            .map(|object| object.data.len() as u64)
            .sum()
    }

    pub(crate) fn read(
        &self,
        key: &str,
        range: Option<&Range<u64>>,
    ) -> Result<Vec<u8>, ObjectError> {
        let data = &self.objects.get(key).ok_or(ObjectError::NotFound)?.data;
        let Some(range) = range else {
            return Ok(data.to_vec());
        };
        let end = range.end.min(data.len() as u64) as usize;
        let start = range.start.min(end as u64) as usize;
        Ok(data[start..end].to_vec())
    }

    pub(crate) fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        let object = self.objects.get(key).ok_or(ObjectError::NotFound)?;
        Ok(meta(key, object))
    }

    pub(crate) fn page(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<ObjectMeta> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.objects
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit.min(1_000) as usize)
            .map(|(key, object)| meta(key, object))
            .collect()
    }

    pub(crate) fn folders(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let mut from = Bound::Included(prefix.to_owned());
        loop {
            let next = self
                .objects
                .range::<str, _>((from.as_ref().map(String::as_str), Bound::Unbounded))
                .next();
            let Some(rest) = next.and_then(|(key, _)| key.strip_prefix(prefix)) else {
                return names;
            };
            let Some((name, _)) = rest.split_once('/') else {
                from = Bound::Excluded(format!("{prefix}{rest}"));
                continue;
            };
            // The first key that is not within the folder: '0' follows '/'.
            from = Bound::Included(format!("{prefix}{name}0"));
            names.push(name.to_owned());
        }
    }

    /// Does what `request` says, now. Of several reads the `part`th.
    pub(crate) fn apply(
        &mut self,
        request: &Request,
        part: usize,
        by: TaskId,
        now: u64,
        overwrite: bool,
    ) -> Answer {
        match request {
            Request::Get(key, range) => self.read(key, range.as_ref()).map(Found::Bytes),
            Request::GetMany(parts) => match parts.get(part) {
                Some((key, range)) => self.read(key, range.as_ref()).map(Found::Bytes),
                None => Ok(Found::Nothing),
            },
            Request::Head(key) => self.head(key).map(Found::Meta),
            Request::List {
                prefix,
                after,
                limit,
            } => Ok(Found::Page(self.page(prefix, after.as_deref(), *limit))),
            Request::Folders(prefix) => Ok(Found::Names(self.folders(prefix))),
            Request::PutNew(key, _) if !overwrite && self.objects.contains_key(key) => {
                Err(ObjectError::AlreadyExists)
            }
            Request::Put(key, data)
            | Request::PutNew(key, data)
            | Request::Finish(key, data, _) => {
                self.insert(key, data, by, now);
                Ok(Found::Nothing)
            }
            Request::Delete(key) => {
                self.objects.remove(key);
                Ok(Found::Nothing)
            }
            Request::Begin(_) | Request::Part(..) => Ok(Found::Nothing),
        }
    }

    pub(crate) fn insert(&mut self, key: &Rc<str>, data: &Rc<[u8]>, by: TaskId, now: u64) {
        let object = Object {
            data: Rc::clone(data),
            modified_ms: now,
            by,
        };
        self.objects.insert(Rc::clone(key), object);
    }
}

fn meta(key: &str, object: &Object) -> ObjectMeta {
    ObjectMeta {
        key: key.to_owned(),
        size: object.data.len() as u64,
        modified_ms: object.modified_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage(keys: &[&str]) -> Storage {
        let mut storage = Storage::default();
        for key in keys {
            storage.insert(&Rc::from(*key), &Rc::from(&b"data"[..]), TaskId::SETUP, 7);
        }
        storage
    }

    #[test]
    fn folders_are_named_once_and_objects_are_none() {
        let storage = storage(&["a", "s/a/1", "s/a/2", "s/a-b/1", "s/b", "s/c/d/e", "t/a/1"]);
        assert_eq!(storage.folders("s/"), ["a-b", "a", "c"]);
        assert_eq!(storage.folders(""), ["s", "t"]);
    }

    #[test]
    fn a_page_begins_after_a_key() {
        let storage = storage(&["a", "s/1", "s/2", "s/3", "t"]);
        let page = storage.page("s/", Some("s/1"), 1);
        assert_eq!(page.len(), 1);
        assert_eq!((page[0].key.as_str(), page[0].modified_ms), ("s/2", 7));
    }

    #[test]
    fn a_range_is_cut_at_the_end() {
        let storage = storage(&["a"]);
        assert_eq!(storage.read("a", Some(&(2..9))).unwrap(), b"ta");
        assert_eq!(storage.read("a", Some(&(8..9))).unwrap(), b"");
    }
}
