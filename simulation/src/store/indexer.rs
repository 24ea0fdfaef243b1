//! An index that looks at everything.

use std::io::Write;

use dayfly_core::rebuild::{Indexer, IndexerError, Indexers};

use super::content::DIMENSION;

/// Makes such indexes.
pub struct Exact;

struct Vectors(Vec<f32>);

impl Indexers for Exact {
    fn make(&self, _: u32, _: &str) -> Result<Box<dyn Indexer>, IndexerError> {
        Ok(Box::new(Vectors(Vec::new())))
    }

    fn nearest(
        &self,
        queries: &[f32],
        vectors: &[f32],
        _: u32,
        k: usize,
    ) -> Result<Vec<Vec<(u64, f32)>>, IndexerError> {
        let queries = queries.chunks_exact(DIMENSION as usize);
        Ok(queries.map(|query| nearest(query, vectors, k)).collect())
    }
}

impl Indexer for Vectors {
    fn train(&mut self, _: &[f32]) -> Result<(), IndexerError> {
        Ok(())
    }

    fn add(&mut self, vectors: &[f32]) -> Result<(), IndexerError> {
        self.0.extend_from_slice(vectors);
        Ok(())
    }

    fn search(&self, query: &[f32], k: usize, _: &str) -> Result<Vec<(u64, f32)>, IndexerError> {
        Ok(nearest(query, &self.0, k))
    }

    fn write(&self, sink: &mut dyn Write) -> Result<(), IndexerError> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|x| x.to_le_bytes()).collect();
        let written = sink.write_all(&bytes);
        written.map_err(|error| IndexerError::Failed(error.to_string()))
    }
}

fn nearest(query: &[f32], vectors: &[f32], k: usize) -> Vec<(u64, f32)> {
    let score = |vector: &[f32]| -> f32 { vector.iter().zip(query).map(|(a, b)| a * b).sum() };
    let rows = (0..).zip(vectors.chunks_exact(DIMENSION as usize));
    let mut all: Vec<(u64, f32)> = rows.map(|(row, vector)| (row, score(vector))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(k);
    all
}
