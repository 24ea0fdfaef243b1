//! Small indexes of every kind that is let in, and of some that are not.

use dayfly_faiss::Index;
use dayfly_fuzz::Seed;

const DIMENSION: u32 = 4;

/// What they are made of, and how many rows they get.
const KINDS: &[(&str, usize)] = &[
    ("Flat", 5),
    ("SQ8", 5),
    ("SQ4", 5),
    ("SQ6", 5),
    ("SQfp16", 5),
    ("SQbf16", 5),
    ("PQ2x4", 20),
    ("HNSW2,Flat", 9),
    ("HNSW2,SQ8", 9),
    ("HNSW2,PQ2x4", 20),
    ("IVF2,Flat", 8),
    ("IVF2,SQ8", 8),
    ("IVF2,PQ2x4np", 20),
    ("IVF2_HNSW2,SQ8", 8),
    ("OPQ2,IVF2,PQ2x4np", 20),
    ("PCA2,IVF2,SQ8", 8),
    ("RR,SQ8", 5),
    ("L2norm,Flat", 5),
    ("Pad6,Flat", 5),
    ("IDMap,Flat", 0),
    ("NSG2,Flat", 0),
    ("RQ2x4", 5),
    ("PQ2x4fs", 20),
    ("IVF2,PQ2x4fs", 20),
    ("RaBitQ", 5),
    ("Flat,RFlat", 5),
];

pub fn all() -> Vec<Seed> {
    dayfly_faiss::set_threads(1);
    let mut seeds: Vec<Seed> = KINDS.iter().map(|(kind, rows)| of(kind, *rows)).collect();
    seeds.push(of("Flat", 0));
    seeds.last_mut().unwrap().name = "empty".to_owned();
    seeds
}

fn of(kind: &str, rows: usize) -> Seed {
    let mut index = Index::from_factory(DIMENSION, kind).unwrap();
    // Product codes of 8 bits are trained with as many vectors.
    index.train(&vectors(300, DIMENSION)).unwrap();
    index.add(&vectors(rows, DIMENSION)).unwrap();
    let mut bytes = vec![3, 2, 8, 0];
    index.write(&mut bytes).unwrap();
    Seed::new(kind.replace(',', "-"), bytes)
}

/// Directions, always the same.
pub fn vectors(rows: usize, dimension: u32) -> Vec<f32> {
    let component = |number: usize| {
        let mixed = (number as u32 + 1).wrapping_mul(2_654_435_761) >> 8;
        (mixed % 2_001) as f32 / 1_000.0 - 1.0
    };
    (0..rows * dimension as usize).map(component).collect()
}
