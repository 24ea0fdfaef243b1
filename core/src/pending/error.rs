//! What stops an ingestion.

use thiserror::Error;

use crate::objects::ObjectError;
use crate::store::StoreError;

/// Why an ingestion did not go on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PendingError {
    /// Another attempt is at it, or was given to somebody else.
    #[error("Another attempt at this ingestion is under way.")]
    Held {
        /// Seconds after which it may be free.
        retry_after_s: u32,
    },
    /// Nobody wants it any more.
    #[error("The file was taken out of the store while it was ingested.")]
    Cancelled,
    /// Attempts interfered with each other too often.
    #[error("Another attempt at this ingestion goes on; try again.")]
    Contended,
    /// A record is not what was written.
    #[error("The record {key} is damaged ({what}); attach the file again.")]
    Damaged {
        /// Its key.
        key: String,
        /// What was found.
        what: String,
    },
    /// The store could not be read or changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PendingError {
    /// Whether the store waits for its compaction.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }
}

impl From<ObjectError> for PendingError {
    fn from(error: ObjectError) -> Self {
        Self::Store(error.into())
    }
}

/// Reads what was kept at `key`.
pub(crate) fn parse<T: for<'a> serde::Deserialize<'a>>(
    key: &str,
    data: &[u8],
) -> Result<T, PendingError> {
    serde_json::from_slice(data).map_err(|fault| PendingError::Damaged {
        key: key.to_owned(),
        what: fault.to_string(),
    })
}

/// Writes down what is to be kept at `key`.
pub(crate) fn to_vec(key: &str, value: &impl serde::Serialize) -> Result<Vec<u8>, PendingError> {
    serde_json::to_vec(value)
        .map_err(|fault| StoreError::Unwritable(format!("{key}: {fault}.")).into())
}
