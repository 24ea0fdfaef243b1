//! What can go wrong.

use std::io;

/// What has gone wrong, by what the caller should do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller asks for what there is not: another factory string, parameter or number of
    /// components is needed.
    #[error("{0}")]
    Invalid(String),
    /// There was not enough memory. The index may lack the vectors it was given: drop it. Also
    /// what a broken file may ask for.
    #[error("not enough memory for the vector index")]
    OutOfMemory,
    /// The file is no index, or a broken one: get it again.
    #[error("not a readable vector index: {0}")]
    Corrupt(String),
    /// This program has no code for this machine: another build of it is needed.
    #[error("{0}")]
    Unsupported(String),
    /// The reader, writer or file failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// FAISS failed in a way that it does not explain; the index should not be used any more.
    #[error("the vector index failed: {0}")]
    Internal(String),
}

/// What this crate returns.
pub type Result<T> = std::result::Result<T, Error>;
