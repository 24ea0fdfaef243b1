//! Range reads, checked for their length.

use std::ops::Range;

use super::RunError;
use crate::objects::{Objects, Part};

/// Some bytes of an object.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    pub key: &'a str,
    pub bytes: Range<u64>,
}

/// Reads every part in one call, in order; each is exactly as long as wanted.
pub(super) fn read_all(
    objects: &dyn Objects,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Vec<u8>>, RunError> {
    let Some(first) = wanted.first() else {
        return Ok(Vec::new());
    };
    let parts: Vec<Part> = wanted
        .iter()
        .map(|part| (part.key.to_owned(), Some(part.bytes.clone())))
        .collect();
    let answers = objects.get_many(&parts);
    if answers.len() != wanted.len() {
        let what = "the storage left reads unanswered";
        return Err(RunError::corrupt(first.key, what));
    }
    let whole = |(part, answer): (&Wanted<'_>, Result<Vec<u8>, _>)| {
        let data = answer?;
        if data.len() as u64 != part.bytes.end.saturating_sub(part.bytes.start) {
            let what = "it is shorter than it was written";
            return Err(RunError::corrupt(part.key, what));
        }
        Ok(data)
    };
    wanted.iter().zip(answers).map(whole).collect()
}
