use thiserror::Error;

use super::IndexerError;
use crate::error::ApiError;
use crate::objects::ObjectError;
use crate::segment::SegmentError;

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

impl From<ApiError> for RebuildError {
    fn from(error: ApiError) -> Self {
        match error.status {
            // What was read was superseded and removed: the next try begins from what is there.
            404 | 409 | 507 => Self::Retry(error.message),
            _ if error.retry_after_s.is_some() => Self::Retry(error.message),
            _ => Self::GiveUp(error.message),
        }
    }
}

impl From<ObjectError> for RebuildError {
    fn from(error: ObjectError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<SegmentError> for RebuildError {
    fn from(error: SegmentError) -> Self {
        ApiError::from(error).into()
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
