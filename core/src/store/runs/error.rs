//! What goes wrong with runs.

use thiserror::Error;

use crate::objects::ObjectError;
use crate::objects::ranges::RangeError;

/// Why a run could not be written or read.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RunError {
    /// A stored object is not what was written: restore it.
    #[error("{key} is damaged: {what}. Restore it, or upload the store's files again.")]
    Corrupt {
        /// The object.
        key: String,
        /// What was found.
        what: String,
    },
    /// The object storage refused or failed.
    #[error(transparent)]
    Storage(#[from] ObjectError),
    /// The changes that were handed in: change them.
    #[error("{0}")]
    Invalid(String),
    /// The file could not be encoded.
    #[error("the run could not be built: {0}")]
    Build(String),
}

impl RunError {
    pub(super) fn corrupt(key: &str, what: impl Into<String>) -> Self {
        Self::Corrupt {
            key: key.to_owned(),
            what: what.into(),
        }
    }

    pub(super) fn build(fault: impl std::fmt::Display) -> Self {
        Self::Build(fault.to_string())
    }
}

impl From<RangeError> for RunError {
    fn from(error: RangeError) -> Self {
        match error {
            RangeError::Storage(error) => error.into(),
            RangeError::Corrupt { key, what } => Self::corrupt(&key, what),
        }
    }
}
