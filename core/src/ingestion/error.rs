//! What stops an ingestion on its way to rows.

use thiserror::Error;

use crate::embedding::EmbeddingError;
use crate::ingest::IngestError;
use crate::pending::PendingError;
use crate::segment::SegmentError;

/// Why a file did not become rows.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum IngestionError {
    /// Whoever asked for it does not want it any more, or it could not be recorded.
    #[error(transparent)]
    Requester(#[from] PendingError),
    /// The file cannot be read on.
    #[error(transparent)]
    Reading(#[from] IngestError),
    /// There are no vectors.
    #[error(transparent)]
    Embedding(#[from] EmbeddingError),
    /// Rows cannot be written.
    #[error(transparent)]
    Writing(#[from] SegmentError),
    /// There is nothing to be found in it.
    #[error("The file has no text in it, or only white space; nothing can be found in it.")]
    NoText,
}
