//! What stops a rebuild.

use thiserror::Error;

use super::IndexerError;
use crate::objects::ObjectError;
use crate::segment::SegmentError;
use crate::store::StoreError;

/// Why a rebuild did not end; the store is as it was.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RebuildError {
    /// The store was deleted.
    #[error("the store was deleted")]
    Gone,
    /// Somebody else went on with the job.
    #[error("another worker took the rebuild over")]
    Overtaken,
    /// It would end the same way again; the text says what to change.
    #[error("{0}")]
    GiveUp(String),
    /// The same rebuild may succeed later.
    #[error("{0}")]
    Retry(String),
}

impl From<StoreError> for RebuildError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchStore(_) => Self::Gone,
            StoreError::Overtaken => Self::Overtaken,
            // What was read was superseded and removed, or there may be space later: the next try
            // begins from what is there.
            _ if error.may_pass() || error.is_missing() || error.is_out_of_space() => {
                Self::Retry(error.to_string())
            }
            StoreError::Unconfirmed => Self::Retry(error.to_string()),
            _ => Self::GiveUp(error.to_string()),
        }
    }
}

impl From<ObjectError> for RebuildError {
    fn from(error: ObjectError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<SegmentError> for RebuildError {
    fn from(error: SegmentError) -> Self {
        StoreError::from(error).into()
    }
}

impl From<IndexerError> for RebuildError {
    fn from(error: IndexerError) -> Self {
        match error {
            IndexerError::Invalid(text) => Self::GiveUp(text),
            IndexerError::OutOfMemory => Self::Retry(
                "the index does not fit in the memory that a rebuild may use: raise \
                 rebuild.memory_mib, or ask for a smaller index, such as IVF1024,SQ8"
                    .to_owned(),
            ),
            IndexerError::Storage(error) => error.into(),
            IndexerError::Failed(text) => Self::Retry(text),
        }
    }
}
