mod counting;
mod damage;
mod dead;
mod files;
mod found;
mod graphs;
mod listed;
mod looking;
mod owners;

use std::ops::Range;

use super::{DeadRows, NewRow, Query, SegmentMeta, SegmentSpec, SegmentWriter, Written};
use crate::home::Home;
use crate::objects::MemoryObjects;

pub(super) fn home() -> Home {
    Home::new("vs_1", "i1")
}

/// SplitMix64: a fixed seed gives the same data on every machine.
pub(super) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// About normal: the sum of four uniform numbers.
    fn normal(&mut self) -> f32 {
        (0..4)
            .map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32 - 0.5)
            .sum()
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Vectors around some centres, as embeddings of texts on some subjects are.
pub(super) fn clustered(seed: u64, rows: usize, dimension: usize) -> Vec<Vec<f32>> {
    let mut random = Random(seed);
    let centres: Vec<Vec<f32>> = (0..rows.div_ceil(60))
        .map(|_| (0..dimension).map(|_| random.normal()).collect())
        .collect();
    (0..rows)
        .map(|_| {
            let centre = &centres[random.below(centres.len() as u64) as usize];
            centre.iter().map(|x| x + random.normal() * 0.6).collect()
        })
        .collect()
}

pub(super) fn spec(id: &str, dimension: usize) -> SegmentSpec {
    SegmentSpec {
        home: home(),
        id: id.to_owned(),
        model: "test-model".to_owned(),
        dimension: dimension as u32,
        graph_min_rows: u32::MAX,
        base: None,
    }
}

pub(super) fn text_of(row: usize) -> String {
    format!("row {row} with a text of its own: {}", "é".repeat(row % 7))
}

/// Files of so many rows each, the vectors dealt out in order.
pub(super) fn write(
    objects: &MemoryObjects,
    spec: SegmentSpec,
    files: &[(&str, usize)],
    vectors: &[Vec<f32>],
) -> SegmentMeta {
    write_all(objects, spec, files, vectors).meta
}

/// As [`write`], with whose rows they are.
pub(super) fn write_all(
    objects: &MemoryObjects,
    spec: SegmentSpec,
    files: &[(&str, usize)],
    vectors: &[Vec<f32>],
) -> Written {
    let mut writer = SegmentWriter::create(objects, spec).unwrap();
    let mut vectors = vectors.iter().enumerate();
    for (file_id, rows) in files {
        for (chunk, (row, vector)) in vectors.by_ref().take(*rows).enumerate() {
            let text = text_of(row);
            let (start, end) = (chunk as u64 * 100, chunk as u64 * 100 + 150);
            let chunk = chunk as u32;
            writer
                .push(&NewRow {
                    file_id,
                    chunk,
                    start,
                    end,
                    text: &text,
                    vector,
                })
                .unwrap();
        }
    }
    writer.finish(objects).unwrap()
}

/// Every row of a segment.
pub(super) fn all_rows(meta: &SegmentMeta) -> Vec<Range<u32>> {
    DeadRows::empty().live_ranges(meta.rows)
}

/// The rows of those files that `live` keeps, by their places in `files`.
pub(super) fn live_rows(files: &[(&str, usize)], live: impl Fn(usize) -> bool) -> Vec<Range<u32>> {
    let mut dead = DeadRows::empty();
    let mut start = 0;
    for (index, (_, rows)) in files.iter().enumerate() {
        let end = start + *rows as u32;
        if !live(index) {
            assert_eq!(dead.kill(start..end), end - start);
        }
        start = end;
    }
    dead.live_ranges(start)
}

pub(super) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f64::from(*x) * f64::from(*y))
            .sum()
    };
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

/// The rows nearest to `query` of those that `keep` keeps, best first, in f64.
pub(super) fn exact(
    vectors: &[Vec<f32>],
    query: &[f32],
    k: usize,
    keep: impl Fn(usize) -> bool,
) -> Vec<(usize, f64)> {
    let mut all: Vec<(usize, f64)> = vectors
        .iter()
        .enumerate()
        .filter(|(row, _)| keep(*row))
        .map(|(row, vector)| (row, cosine(vector, query)))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(k);
    all
}

pub(super) fn queries(vectors: &[Vec<f32>]) -> Vec<Query> {
    vectors
        .iter()
        .map(|vector| Query::new(vector).unwrap())
        .collect()
}
