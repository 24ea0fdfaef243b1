use std::io::Write;

use dayfly_core::rebuild::{Indexer, IndexerError, Indexers};
use dayfly_faiss::{Error, Hit, Index, SearchOptions};

/// FAISS, for rebuilds.
pub struct Faiss {
    /// Threads of one call.
    pub threads: usize,
}

impl Indexers for Faiss {
    fn make(&self, dimension: u32, factory: &str) -> Result<Box<dyn Indexer>, IndexerError> {
        dayfly_faiss::set_threads(self.threads);
        let index = Index::from_factory(dimension, factory).map_err(failed)?;
        Ok(Box::new(Building(index)))
    }

    fn nearest(
        &self,
        queries: &[f32],
        vectors: &[f32],
        dimension: u32,
        k: usize,
    ) -> Result<Vec<Vec<(u64, f32)>>, IndexerError> {
        let found = dayfly_faiss::nearest(queries, vectors, dimension, k).map_err(failed)?;
        Ok(found.into_iter().map(pairs).collect())
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
        let options = SearchOptions {
            parameters: parameters.parse().map_err(failed)?,
            ..SearchOptions::default()
        };
        let mut found = self.0.search(query, k, &options).map_err(failed)?;
        Ok(found.pop().map(pairs).unwrap_or_default())
    }

    fn write(&self, sink: &mut dyn Write) -> Result<(), IndexerError> {
        self.0.write(sink).map_err(failed)
    }
}

fn pairs(hits: Vec<Hit>) -> Vec<(u64, f32)> {
    hits.into_iter().map(|hit| (hit.row, hit.score)).collect()
}

fn failed(error: Error) -> IndexerError {
    let text = error.to_string();
    match error {
        Error::Invalid(_) => IndexerError::Invalid(text),
        Error::OutOfMemory => IndexerError::OutOfMemory,
        _ => IndexerError::Failed(text),
    }
}
