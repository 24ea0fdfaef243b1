//! All kinds through all of the module.

mod build;
mod files;
mod hostile;
mod machine;
mod search;

use crate::{Hit, Index, SearchOptions};

const DIMENSION: u32 = 32;
const ROWS: usize = 1500;

/// Each with its smallest share of true neighbours in [`recall`]'s search.
const KINDS: &[(&str, f64)] = &[
    ("Flat", 1.0),
    ("SQ8", 0.95),
    ("HNSW16,Flat", 0.95),
    ("HNSW16,SQ8", 0.9),
    ("IVF16,Flat", 0.85),
    ("IVF16,SQ8", 0.85),
    ("IVF16,PQ16", 0.5),
    ("IVF16_HNSW8,SQ8", 0.8),
    ("OPQ16,IVF16,PQ16", 0.5),
];

/// Clustered vectors of length 1, the same for the same seed.
fn vectors(rows: usize, seed: u64) -> Vec<f32> {
    let width = DIMENSION as usize;
    let mut random = fastrand::Rng::with_seed(7);
    let centres: Vec<f32> = (0..20 * width).map(|_| random.f32() - 0.5).collect();
    let mut random = fastrand::Rng::with_seed(seed);
    let mut all = Vec::with_capacity(rows * width);
    for _ in 0..rows {
        let centre = random.usize(0..20) * width;
        let mut row: Vec<f32> = (0..width)
            .map(|i| centres[centre + i] + (random.f32() - 0.5) * 0.6)
            .collect();
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
        all.extend(row);
    }
    all
}

/// An index of [`ROWS`] rows, built on one thread so that it is the same each time.
fn built(factory: &str) -> Index {
    crate::set_threads(1);
    let rows = vectors(ROWS, 1);
    let mut index = Index::from_factory(DIMENSION, factory).unwrap();
    index.train(&rows).unwrap();
    let (first, second) = rows.split_at(DIMENSION as usize * 1000);
    index.add(first).unwrap();
    index.add(second).unwrap();
    index
}

fn options() -> SearchOptions<'static> {
    SearchOptions {
        parameters: "nprobe=6,efSearch=50".parse().unwrap(),
        ..SearchOptions::default()
    }
}

fn rows_of(hits: &[Vec<Hit>]) -> Vec<Vec<u64>> {
    let rows = |hits: &Vec<Hit>| hits.iter().map(|hit| hit.row).collect();
    hits.iter().map(rows).collect()
}

/// The share of `expected` that is in `found`.
fn recall(found: &[Vec<Hit>], expected: &[Vec<Hit>]) -> f64 {
    let (mut there, mut all) = (0, 0);
    for (found, expected) in rows_of(found).iter().zip(&rows_of(expected)) {
        there += expected.iter().filter(|row| found.contains(row)).count();
        all += expected.len();
    }
    f64::from(there as u32) / f64::from(all as u32)
}
