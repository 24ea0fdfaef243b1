//! An index that looks at everything.

use std::io::Write;

use crate::objects::Objects;
use crate::rebuild::{Indexer, IndexerError, Indexers};
use crate::search::{BaseHit, BaseIndex};
use crate::store::{Manifest, StoreError};

/// An index that looks at everything, and can be made to lose rows.
struct Exact {
    dimension: usize,
    vectors: Vec<f32>,
    loses: u64,
}

impl Indexer for Exact {
    fn train(&mut self, vectors: &[f32]) -> Result<(), IndexerError> {
        assert!(vectors.len().is_multiple_of(self.dimension) && !vectors.is_empty());
        Ok(())
    }

    fn add(&mut self, vectors: &[f32]) -> Result<(), IndexerError> {
        self.vectors.extend_from_slice(vectors);
        Ok(())
    }

    fn search(&self, query: &[f32], k: usize, _: &str) -> Result<Vec<(u64, f32)>, IndexerError> {
        let mut found = nearest(query, &self.vectors, k);
        found.retain(|(row, _)| self.loses == 0 || row % self.loses != 0);
        Ok(found)
    }

    fn write(&self, sink: &mut dyn Write) -> Result<(), IndexerError> {
        let bytes: Vec<u8> = self.vectors.iter().flat_map(|x| x.to_le_bytes()).collect();
        sink.write_all(&bytes)
            .map_err(|error| IndexerError::Failed(error.to_string()))
    }
}

fn nearest(query: &[f32], vectors: &[f32], k: usize) -> Vec<(u64, f32)> {
    let score = |vector: &[f32]| -> f32 { vector.iter().zip(query).map(|(a, b)| a * b).sum() };
    let rows = vectors.chunks_exact(query.len()).enumerate();
    let mut all: Vec<(u64, f32)> = rows.map(|(row, v)| (row as u64, score(v))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(k);
    all
}

/// Makes such indexes; what happens when one is begun is the test's.
pub(crate) struct Maker<'a> {
    pub loses: u64,
    meanwhile: Box<dyn Fn() + 'a>,
}

impl<'a> Maker<'a> {
    pub fn new(meanwhile: impl Fn() + 'a) -> Self {
        Self {
            loses: 0,
            meanwhile: Box::new(meanwhile),
        }
    }
}

impl Indexers for Maker<'_> {
    fn make(&self, dimension: u32, _: &str) -> Result<Box<dyn Indexer>, IndexerError> {
        (self.meanwhile)();
        Ok(Box::new(Exact {
            dimension: dimension as usize,
            vectors: Vec::new(),
            loses: self.loses,
        }))
    }

    fn nearest(
        &self,
        queries: &[f32],
        vectors: &[f32],
        dimension: u32,
        k: usize,
    ) -> Result<Vec<Vec<(u64, f32)>>, IndexerError> {
        let queries = queries.chunks_exact(dimension as usize);
        Ok(queries.map(|query| nearest(query, vectors, k)).collect())
    }
}

/// A store's index, read from storage as the host does; it finds dead rows, too.
pub(crate) struct Stored<'a> {
    objects: &'a dyn Objects,
    key: String,
}

impl<'a> Stored<'a> {
    pub fn of(objects: &'a dyn Objects, manifest: &Manifest) -> Option<Self> {
        let index = manifest.index.as_ref()?;
        let key = index.key(&manifest.home());
        Some(Self { objects, key })
    }
}

impl BaseIndex<StoreError> for Stored<'_> {
    fn nearest(&self, query: &[f32], limit: usize) -> Result<Option<Vec<BaseHit>>, StoreError> {
        let bytes = self.objects.get(&self.key)?;
        let (words, _) = bytes.as_chunks::<4>();
        let vectors: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        let hits = nearest(query, &vectors, limit + 40).into_iter();
        Ok(Some(
            hits.map(|(row, score)| BaseHit { row, score }).collect(),
        ))
    }
}
