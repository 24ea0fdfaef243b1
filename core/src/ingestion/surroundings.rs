//! What an ingestion needs beside storage.

use std::future::Future;
use std::time::Duration;

use crate::chunk::Chunk;
use crate::embedding::{Batcher, EmbeddingError, Embeddings};

/// Makes vectors of texts.
pub trait Embed {
    /// Groups chunks into requests.
    fn batcher(&self) -> Batcher<Chunk>;

    /// How many requests may be under way at once; at least one.
    fn concurrency(&self) -> usize;

    /// One vector for each text, in order, of that dimension where one is named.
    ///
    /// # Errors
    /// When there are none after all that was tried.
    fn embed(
        &self,
        texts: &[&str],
        dimension: Option<u32>,
    ) -> impl Future<Output = Result<Embeddings, EmbeddingError>>;
}

/// Time, and others who wait.
pub trait Surroundings {
    /// Time since an arbitrary moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// How urgently others need what the ingestion takes up.
    fn needed(&self) -> Need;

    /// The future's output, or `None` when `limit` passes first; the future is dropped then.
    fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Option<F::Output>>;
}

/// How urgently others need what an ingestion takes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nobody waits.
    None,
    /// Somebody does: the step ends as soon as something has come of it.
    Some,
    /// The step ends at once, wherever it stands.
    Urgent,
}
