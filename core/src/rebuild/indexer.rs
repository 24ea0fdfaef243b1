//! What a rebuild asks of an index, whoever implements it.

use std::io::{self, Write};

use thiserror::Error;

use crate::objects::{ObjectError, ObjectWriter};

/// Why an index could not be built or searched.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum IndexerError {
    /// The index cannot be of that kind; the text says what to change.
    #[error("{0}")]
    Invalid(String),
    /// It does not fit in the memory it may use.
    #[error("the index does not fit in memory")]
    OutOfMemory,
    /// What it was written to failed.
    #[error(transparent)]
    Storage(ObjectError),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Makes indexes.
pub trait Indexers {
    /// An empty index over vectors of `dimension` components and length 1, by inner product.
    /// `factory` is FAISS's text for its kind.
    fn make(&self, dimension: u32, factory: &str) -> Result<Box<dyn Indexer>, IndexerError>;

    /// The `k` of `vectors` nearest to each query, exactly: their places and scores, best first.
    fn nearest(
        &self,
        queries: &[f32],
        vectors: &[f32],
        dimension: u32,
        k: usize,
    ) -> Result<Vec<Vec<(u64, f32)>>, IndexerError>;
}

/// An index in the making.
pub trait Indexer {
    /// Learns from vectors, row after row.
    fn train(&mut self, vectors: &[f32]) -> Result<(), IndexerError>;

    /// Appends vectors, which are numbered in order.
    fn add(&mut self, vectors: &[f32]) -> Result<(), IndexerError>;

    /// The `k` rows nearest to the query, best first, by FAISS's search `parameters`.
    fn search(
        &self,
        query: &[f32],
        k: usize,
        parameters: &str,
    ) -> Result<Vec<(u64, f32)>, IndexerError>;

    /// Writes it as a FAISS file.
    fn write(&self, sink: &mut dyn Write) -> Result<(), IndexerError>;
}

/// An object in the making as a sink, which keeps what the storage said.
pub(super) struct Sink {
    pub object: Box<dyn ObjectWriter>,
    pub hash: sha2::Sha256,
    pub failure: Option<ObjectError>,
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        sha2::Digest::update(&mut self.hash, data);
        self.object.write(data).map_err(|error| {
            let shown = io::Error::other(error.to_string());
            self.failure = Some(error);
            shown
        })?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
