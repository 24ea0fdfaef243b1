//! Several writers at once, as a probe needs them.

use crate::objects::{MemoryObjects, ObjectError, Objects};

/// A storage that several writers can reach at the same moment, which [`Objects`] alone, called one
/// after another, cannot show.
pub trait Contest {
    /// As many [`Objects::put_new`] of one key as there are `contents`, at once if at all possible;
    /// answered in order.
    fn put_new_at_once(&self, key: &str, contents: &[Vec<u8>]) -> Vec<Result<(), ObjectError>>;
}

impl Contest for MemoryObjects {
    fn put_new_at_once(&self, key: &str, contents: &[Vec<u8>]) -> Vec<Result<(), ObjectError>> {
        contents
            .iter()
            .map(|content| self.put_new(key, content))
            .collect()
    }
}
