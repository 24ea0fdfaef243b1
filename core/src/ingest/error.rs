//! What goes wrong while a file is read.

use thiserror::Error;

use crate::chunk::StrategyError;
use crate::decode::DecodeError;
use crate::objects::ObjectError;

/// Why a file cannot be read on.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum IngestError {
    /// The chunking's sizes are out of their bounds.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// Its bytes are no text; reading them again does not help.
    #[error(transparent)]
    NoText(#[from] DecodeError),
    /// Its bytes end before they should.
    #[error("The file was cut or deleted while it was ingested.")]
    Cut,
    /// Whatever the storage answers.
    #[error(transparent)]
    Storage(#[from] ObjectError),
}
