//! FAISS for rebuilds, in its own process.

use std::io::Write;
use std::sync::Arc;

use dayfly_core::rebuild::{Indexer, IndexerError, Indexers};

use crate::confined::{self, Client, Failure, Index, Limits};

/// FAISS in a process of its own, for rebuilds.
pub struct Faiss {
    client: Arc<Client>,
    /// Threads of one call.
    threads: usize,
}

impl Faiss {
    /// Starts the process, which may have so much memory.
    pub fn start(threads: usize, memory_mib: u32) -> Result<Self, Failure> {
        // A rebuild does one thing after the other, and OpenMP's threads belong to who calls.
        let limits = Limits {
            threads: 1,
            openmp: threads,
            memory_mib: memory_mib.into(),
        };
        Ok(Self {
            client: Arc::new(Client::start(limits)?),
            threads,
        })
    }

    #[cfg(test)]
    pub fn in_thread() -> Self {
        Self {
            client: Arc::new(Client::in_thread()),
            threads: 1,
        }
    }

    /// The process.
    pub fn pid(&self) -> Option<u32> {
        self.client.pid()
    }
}

impl Indexers for Faiss {
    fn make(&self, dimension: u32, factory: &str) -> Result<Box<dyn Indexer>, IndexerError> {
        let index = Index::make(&self.client, dimension, factory, self.threads);
        Ok(Box::new(Building(index.map_err(failed)?)))
    }

    fn nearest(
        &self,
        queries: &[f32],
        vectors: &[f32],
        dimension: u32,
        k: usize,
    ) -> Result<Vec<Vec<(u64, f32)>>, IndexerError> {
        let how = (dimension, k, self.threads);
        confined::nearest(&self.client, queries, vectors, how).map_err(failed)
    }
}

struct Building(Index);

impl Indexer for Building {
    fn train(&mut self, vectors: &[f32]) -> Result<(), IndexerError> {
        self.0.train(vectors).map_err(failed)
    }

    fn add(&mut self, vectors: &[f32]) -> Result<(), IndexerError> {
        self.0.add(vectors).map_err(failed)
    }

    fn search(
        &self,
        query: &[f32],
        k: usize,
        parameters: &str,
    ) -> Result<Vec<(u64, f32)>, IndexerError> {
        self.0.search(query, k, parameters).map_err(failed)
    }

    fn write(&self, sink: &mut dyn Write) -> Result<(), IndexerError> {
        self.0.write(sink).map_err(failed)
    }
}

fn failed(failure: Failure) -> IndexerError {
    match failure {
        Failure::Invalid(text) => IndexerError::Invalid(text),
        Failure::OutOfMemory => IndexerError::OutOfMemory,
        Failure::Lost(how) => IndexerError::Failed(format!(
            "the process that runs FAISS {how}: where it was for want of memory, raise \
             rebuild.memory_mib"
        )),
        other => IndexerError::Failed(other.to_string()),
    }
}
