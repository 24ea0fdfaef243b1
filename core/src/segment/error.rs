//! What goes wrong with segments.

use thiserror::Error;

use crate::objects::ObjectError;
use crate::objects::ranges::RangeError;

/// Why a segment could not be written, opened or searched.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SegmentError {
    /// The rows, the vector or the settings that were handed in: change them.
    #[error("{0}")]
    Invalid(String),
    /// A stored object is not what was written: restore it, or ingest its files again.
    #[error("{key} is damaged: {what}. Restore it, or upload its files again.")]
    Corrupt {
        /// The object.
        key: String,
        /// What was found.
        what: String,
    },
    /// The object storage refused or failed.
    #[error(transparent)]
    Storage(#[from] ObjectError),
    /// An index could not be built.
    #[error("the segment could not be built: {0}")]
    Build(String),
}

impl SegmentError {
    pub(super) fn corrupt(key: &str, what: impl Into<String>) -> Self {
        Self::Corrupt {
            key: key.to_owned(),
            what: what.into(),
        }
    }
}

impl From<RangeError> for SegmentError {
    fn from(error: RangeError) -> Self {
        match error {
            RangeError::Storage(error) => error.into(),
            RangeError::Corrupt { key, what } => Self::corrupt(&key, what),
        }
    }
}
