//! What the embedder answers with.

use tokio::sync::OwnedSemaphorePermit;

use crate::weights::DIMENSION;

/// Why texts were not embedded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    /// As many requests wait as may. Nothing was computed.
    #[error("the embedder is at its limit of waiting requests: try again in {retry_after_s} s")]
    Busy {
        /// Seconds after which to try again, by the texts that wait now.
        retry_after_s: u32,
    },
    /// The embedder failed; the same request may fail again.
    #[error("the embedder failed: {0}")]
    Failed(String),
    /// The embedder has been shut down.
    #[error("the embedder has been shut down")]
    Stopped,
}

/// Vectors of some texts, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Embeddings {
    /// The vectors one after another, each of [`DIMENSION`] components and length 1.
    pub vectors: Vec<f32>,
    /// Tokens the model has seen in all, each text's frame of two included and what was cut off
    /// not.
    pub tokens: u64,
}

impl Embeddings {
    /// The vectors one by one.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.vectors.chunks_exact(DIMENSION)
    }
}

/// The right to have some bytes wait in the embedder, from [`Embedder::admit`](crate::Embedder::admit).
#[derive(Debug)]
pub struct Permit {
    pub(crate) _request: OwnedSemaphorePermit,
    pub(crate) kib: OwnedSemaphorePermit,
}
