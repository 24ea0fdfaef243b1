//! Why work at a file stopped, and what its caller is told.

use dayfly_core::api::ApiError;
use dayfly_core::files::FileError;
use dayfly_core::ingestion::IngestionError;
use dayfly_core::pending::{Ending, PendingError};

/// Why work at a file did not come to its end.
#[derive(Debug)]
pub enum Stop {
    /// It is not needed any more: another attempt goes on, or nobody wants it.
    Unneeded(PendingError),
    /// It, or what it depends on, failed.
    Failed(ApiError),
}

impl Stop {
    /// What failed, where it may pass.
    pub fn passing(&self) -> Option<&ApiError> {
        match self {
            Self::Failed(error) if error.may_pass() => Some(error),
            Self::Failed(_) | Self::Unneeded(_) => None,
        }
    }

    /// How that ends an attempt at work that is tried for so long where its failure may pass.
    pub fn ending(self, patience_ms: u64) -> Ending {
        match self {
            Self::Unneeded(error) => Ending::Stopped(error),
            Self::Failed(error) if error.may_pass() => Ending::Passing {
                error: error.into(),
                patience_ms,
            },
            Self::Failed(error) => Ending::Failed(error.into()),
        }
    }
}

impl From<PendingError> for Stop {
    fn from(error: PendingError) -> Self {
        match error {
            PendingError::Held { .. } | PendingError::Cancelled => Self::Unneeded(error),
            other => Self::Failed(other.into()),
        }
    }
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Failed(error)
    }
}

impl From<IngestionError> for Stop {
    fn from(error: IngestionError) -> Self {
        match error {
            IngestionError::Requester(error) => error.into(),
            other => Self::Failed(other.into()),
        }
    }
}

impl From<FileError> for Stop {
    fn from(error: FileError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Stop> for ApiError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Unneeded(error) => error.into(),
            Stop::Failed(error) => error,
        }
    }
}
