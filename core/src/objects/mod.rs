//! Object storage as `core` sees it: the tenant's objects, keys relative to the tenant.

pub(crate) mod ahead;
pub mod keys;
pub mod limits;
mod memory;
pub(crate) mod ranges;

use std::collections::BTreeSet;
use std::ops::{Bound, Range};

pub use memory::MemoryObjects;
use thiserror::Error;

use crate::codes::{Candidate, CodeSpan, CodedQuery};

/// Beside the tenants, none of whose names begins with a dot: what is the platform's own.
pub const OWN_FOLDER: &str = ".dayfly";

/// Why an object could not be had or kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ObjectError {
    /// There is no object at the key.
    #[error("there is no such object")]
    NotFound,
    /// The object exists, and was to be created.
    #[error("the object exists already")]
    AlreadyExists,
    /// The caller may not do this; repeating it will not help.
    #[error("{0}")]
    Denied(String),
    /// The key is malformed.
    #[error("invalid object key: {0}")]
    InvalidKey(String),
    /// The object, the range or the answer is larger than the platform allows.
    #[error("{0}")]
    TooLarge(String),
    /// No space is left; nothing was written.
    #[error("{0}")]
    OutOfSpace(String),
    /// The tenant has as much as it may have; nothing was written.
    #[error("{0}")]
    OverQuota(String),
    /// A passing failure: the same call may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// The storage cannot be used before its operator has acted; the text says how.
    #[error("{text}")]
    Unusable {
        /// What stands in the way.
        obstacle: Obstacle,
        /// For the operator.
        text: String,
    },
}

/// Why a storage cannot be used, whatever is asked of it and however often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The bucket does not exist.
    NoSuchBucket,
    /// It does not know the operation, a conditional write for example.
    Unsupported,
    /// It refuses the server's credentials, or they do not allow the operation.
    Refused,
}

impl ObjectError {
    /// An [`Unusable`](Self::Unusable) storage.
    pub fn unusable(obstacle: Obstacle, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Unusable { obstacle, text }
    }

    /// The same, but where the storage lacks what an operation needs: then with the operation's own
    /// advice for whoever runs it.
    #[must_use]
    pub fn advising_where_unsupported(self, advice: impl FnOnce() -> String) -> Self {
        match self {
            Self::Unusable {
                obstacle: obstacle @ Obstacle::Unsupported,
                ..
            } => Self::unusable(obstacle, advice()),
            other => other,
        }
    }
}

/// Why storage could not look through codes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NearestError {
    /// They could not be read.
    #[error(transparent)]
    Storage(#[from] ObjectError),
    /// The span of that number is cut off, or a row's scale in it is not a number.
    #[error("the codes number {0} are damaged")]
    Damaged(u32),
    /// The call cannot be answered as it is.
    #[error("{0}")]
    Invalid(String),
}

/// What a listing tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The key, relative to the tenant's root.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// Time of the last change, in milliseconds since the Unix epoch.
    pub modified_ms: u64,
}

/// An object in the making: invisible before [`finish`](Self::finish), gone without it.
pub trait ObjectWriter: Send {
    /// Appends bytes.
    fn write(&mut self, data: &[u8]) -> Result<(), ObjectError>;
    /// Makes the object visible and durable; answers its size in bytes.
    fn finish(self: Box<Self>) -> Result<u64, ObjectError>;
}

/// A key, and the bytes wanted of it (all when `None`).
pub type Part = (String, Option<Range<u64>>);

/// A key, and what is to be created at it.
pub type NewObject = (String, Vec<u8>);

/// The most objects that one list tells of.
const PAGE: u32 = 1_000;

/// A tenant's objects. Every write is durable when it returns.
pub trait Objects {
    /// The whole object.
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError>;
    /// The bytes of `range` that exist: fewer, or none, past the object's end.
    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError>;
    /// Several reads at once, answered in order.
    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>>;
    /// Of the live rows of all spans the `limit` nearest to each query, best first, as [`Nearest`] finds
    /// them; `None` where this storage does not look for itself, and they have to be read.
    ///
    /// [`Nearest`]: crate::codes::Nearest
    fn nearest(
        &self,
        _spans: &[CodeSpan],
        _queries: &[CodedQuery],
        _limit: usize,
    ) -> Option<Result<Vec<Vec<Candidate>>, NearestError>> {
        None
    }
    /// Size and time of change.
    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError>;
    /// Whether there is an object at the key.
    fn exists(&self, key: &str) -> Result<bool, ObjectError> {
        match self.head(key) {
            Ok(_) => Ok(true),
            Err(ObjectError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
    /// Creates or replaces.
    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError>;
    /// Creates, or answers [`ObjectError::AlreadyExists`]; of several at once exactly one succeeds.
    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError>;
    /// Several creations at once, however many and in no order; answered in order. Whatever the answers,
    /// any of them may be there.
    fn put_new_many(&self, objects: &[NewObject]) -> Vec<Result<(), ObjectError>> {
        let create = |(key, data): &NewObject| self.put_new(key, data);
        objects.iter().map(create).collect()
    }
    /// Creates those of the objects that are not there, as [`put_new_many`](Self::put_new_many). After an
    /// error any of them may be.
    fn create_missing(&self, objects: &[NewObject]) -> Result<(), ObjectError> {
        let mut answers = self.put_new_many(objects).into_iter();
        answers.try_for_each(|answer| match answer {
            Err(ObjectError::AlreadyExists) => Ok(()),
            answer => answer,
        })
    }
    /// Objects below `prefix` by key, after `start_after`, at most `limit` (at most 1,000).
    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError>;
    /// Names directly below `prefix` (ending in `/`) that have objects below them, in order.
    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError>;
    /// Removes; an object that is not there is no error.
    fn delete(&self, key: &str) -> Result<(), ObjectError>;
    /// Removes all of `keys`, however many; those that are not there are no error. After an error
    /// any of them may be gone, and the call may be repeated.
    fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        keys.iter().try_for_each(|key| self.delete(key))
    }
    /// Begins an object written piece by piece.
    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError>;

    /// Every object below `prefix`, by key, however many.
    fn list_all(&self, prefix: &str) -> Result<Vec<ObjectMeta>, ObjectError> {
        let mut all: Vec<ObjectMeta> = Vec::new();
        loop {
            let after = all.last().map(|meta| meta.key.clone());
            let page = self.list(prefix, after.as_deref(), PAGE)?;
            let last = page.len() < PAGE as usize;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }
    /// Every object in those folders of `parent` (ending in `/`) that are named, by key. Goes through what
    /// lies between two of them where it shares a page with them, and past it otherwise: in no more requests
    /// than a list of all takes, nor than there are folders and full pages of theirs.
    fn list_each(
        &self,
        parent: &str,
        names: &BTreeSet<&str>,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        let folders = names.iter().map(|name| format!("{parent}{name}/"));
        let folders: BTreeSet<String> = folders.collect();
        let mut found = Vec::new();
        let mut place = folders.first().cloned();
        while let Some(after) = place {
            let page = self.list(parent, Some(&after), PAGE)?;
            let full = page.last().filter(|_| page.len() == PAGE as usize);
            place = full.and_then(|last| {
                let reached = folder_of(parent, &last.key);
                if folders.contains(reached) {
                    return Some(last.key.clone());
                }
                let beyond = (Bound::Excluded(reached), Bound::Unbounded);
                folders.range::<str, _>(beyond).next().cloned()
            });
            let is_named = |meta: &ObjectMeta| folders.contains(folder_of(parent, &meta.key));
            found.extend(page.into_iter().filter(is_named));
        }
        Ok(found)
    }
    /// Removes every object below `prefix`, in bulk and a page at a time. After an error some are
    /// gone, and the call may be repeated.
    fn delete_all(&self, prefix: &str) -> Result<(), ObjectError> {
        loop {
            let page = self.list(prefix, None, PAGE)?;
            let is_last = page.len() < PAGE as usize;
            let keys: Vec<String> = page.into_iter().map(|meta| meta.key).collect();
            self.delete_many(&keys)?;
            if is_last {
                return Ok(());
            }
        }
    }
}

/// The folder directly below `parent` that an object is in, with its `/`.
fn folder_of<'a>(parent: &str, key: &'a str) -> &'a str {
    let below = key.get(parent.len()..).and_then(|rest| rest.find('/'));
    below.map_or(key, |end| &key[..=parent.len() + end])
}

#[cfg(test)]
mod tests;
