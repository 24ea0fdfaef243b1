//! Range reads, checked for their length.

use std::ops::Range;

use super::{ObjectError, Objects, Part};

/// Some bytes of an object.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub key: &'a str,
    pub bytes: Range<u64>,
}

impl Wanted<'_> {
    /// As it is asked for.
    pub(crate) fn part(&self) -> Part {
        (self.key.to_owned(), Some(self.bytes.clone()))
    }
}

/// Why bytes could not be had.
#[derive(Debug)]
pub(crate) enum RangeError {
    Storage(ObjectError),
    /// The object is not what was written.
    Corrupt {
        key: String,
        what: &'static str,
    },
}

/// Reads every part in one call, in order; each is exactly as long as wanted.
pub(crate) fn read_all(
    objects: &dyn Objects,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Vec<u8>>, RangeError> {
    let read = read_existing(objects, wanted)?;
    for (part, data) in wanted.iter().zip(&read) {
        if data.len() as u64 != part.bytes.end.saturating_sub(part.bytes.start) {
            return Err(RangeError::Corrupt {
                key: part.key.to_owned(),
                what: "it is shorter than it was written",
            });
        }
    }
    Ok(read)
}

/// Reads what there is of every part in one call, in order; none is longer than wanted.
pub(crate) fn read_existing(
    objects: &dyn Objects,
    wanted: &[Wanted<'_>],
) -> Result<Vec<Vec<u8>>, RangeError> {
    let Some(first) = wanted.first() else {
        return Ok(Vec::new());
    };
    let parts: Vec<Part> = wanted.iter().map(Wanted::part).collect();
    let answers = objects.get_many(&parts);
    if answers.len() != wanted.len() {
        return Err(RangeError::Corrupt {
            key: first.key.to_owned(),
            what: "the storage left reads unanswered",
        });
    }
    let read = answers.into_iter().collect::<Result<_, _>>();
    read.map_err(RangeError::Storage)
}
