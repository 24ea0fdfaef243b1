//! What goes wrong with files.

use thiserror::Error;

use crate::objects::ObjectError;

/// Why a file cannot be had or made.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FileError {
    /// There is none of this id.
    #[error("No such File object: {0}.")]
    NoSuchFile(String),
    /// What is known of it cannot be read, and asking again does not help.
    #[error("A file's description is damaged: {0}.")]
    Damaged(String),
    /// What is known of it cannot be written.
    #[error("The file cannot be described: {0}.")]
    Unwritable(String),
    /// Whatever the storage answers.
    #[error(transparent)]
    Storage(#[from] ObjectError),
}
