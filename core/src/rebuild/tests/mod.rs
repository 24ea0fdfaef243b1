mod life;
mod races;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::Write;

use super::*;
use crate::chunk::ChunkingStrategy;
use crate::error::ApiError;
use crate::objects::{MemoryObjects, Objects};
use crate::search::{BaseHit, BaseIndex, Search, live_in_base, search};
use crate::segment::{NewRow, Query, SegmentMeta, SegmentSpec, SegmentWriter};
use crate::store::{self, Embedding, FileEntry, Manifest, StoreInfo, Table, add_file, current};

const STORE: &str = "vs_test";
const DIMENSION: usize = 8;

/// An index that looks at everything, and can be made to lose rows.
#[derive(Default)]
struct Exact {
    vectors: Vec<f32>,
    loses: u64,
}

impl Indexer for Exact {
    fn train(&mut self, vectors: &[f32]) -> Result<(), IndexerError> {
        assert!(vectors.len().is_multiple_of(DIMENSION) && !vectors.is_empty());
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
    let rows = vectors.chunks_exact(DIMENSION).enumerate();
    let mut all: Vec<(u64, f32)> = rows.map(|(row, v)| (row as u64, score(v))).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all.truncate(k);
    all
}

/// Makes such indexes; what happens while rows are added is the test's.
struct Maker<'a> {
    loses: u64,
    meanwhile: Box<dyn Fn() + 'a>,
    made: Cell<u32>,
}

impl<'a> Maker<'a> {
    fn new(meanwhile: impl Fn() + 'a) -> Self {
        Self {
            loses: 0,
            meanwhile: Box::new(meanwhile),
            made: Cell::new(0),
        }
    }
}

impl Indexers for Maker<'_> {
    fn make(&self, dimension: u32, _: &str) -> Result<Box<dyn Indexer>, IndexerError> {
        assert_eq!(dimension as usize, DIMENSION);
        self.made.set(self.made.get() + 1);
        (self.meanwhile)();
        Ok(Box::new(Exact {
            loses: self.loses,
            ..Exact::default()
        }))
    }
    fn nearest(
        &self,
        queries: &[f32],
        vectors: &[f32],
        _: u32,
        k: usize,
    ) -> Result<Vec<Vec<(u64, f32)>>, IndexerError> {
        let queries = queries.chunks_exact(DIMENSION);
        Ok(queries.map(|query| nearest(query, vectors, k)).collect())
    }
}

fn store() -> MemoryObjects {
    let objects = MemoryObjects::default();
    let info = StoreInfo {
        id: STORE.to_owned(),
        name: None,
        created_at: 1,
        metadata: BTreeMap::new(),
        expires_after: None,
        embedding: Embedding {
            model: "m".to_owned(),
            dimension: None,
            metric: "cosine".to_owned(),
        },
    };
    store::create(&objects, &Manifest::first(info, 1_000), 1_000).unwrap();
    objects
}

/// A vector of its own for each text.
fn vector(text: &str) -> Vec<f32> {
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..DIMENSION)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

/// Ingests a file of so many rows, whose texts say the file, the ingestion and the row.
fn add(objects: &dyn Objects, file_id: &str, ingest_id: &str, rows: u32) {
    let spec = SegmentSpec {
        store: STORE.to_owned(),
        id: format!("seg-{ingest_id}"),
        model: "m".to_owned(),
        dimension: DIMENSION as u32,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(objects, spec).unwrap();
    for chunk in 0..rows {
        let text = format!("{file_id} {ingest_id} {chunk}");
        let row = NewRow {
            file_id,
            chunk,
            start: u64::from(chunk),
            end: u64::from(chunk) + 1,
            text: &text,
            vector: &vector(&text),
        };
        writer.push(&row).unwrap();
    }
    let segment = writer.finish(objects).unwrap();
    let file = FileEntry {
        file_id: file_id.to_owned(),
        filename: format!("{file_id}.txt"),
        ingest_id: ingest_id.to_owned(),
        created_at: 1,
        usage_bytes: segment.bytes,
        chunking: ChunkingStrategy::Auto,
        attributes: BTreeMap::new(),
        segments: vec![segment.id.clone()],
    };
    add_file(objects, STORE, &file, &[segment], 2_000, || Ok(())).unwrap();
}

fn order(base: &str) -> Order {
    Order {
        rows_per_segment: 50,
        ..Order::new(STORE, base.to_owned(), 1 << 30)
    }
}

fn run(objects: &dyn Objects, base: &str, maker: &Maker<'_>) -> Result<Outcome, RebuildError> {
    rebuild(
        objects,
        &order(base),
        maker,
        &|| 3_000,
        &|| Ok(true),
        &mut |_| {},
    )
}

/// The base's index, read from storage as the host does; it finds dead rows, too.
struct Stored<'a> {
    objects: &'a dyn Objects,
    base: String,
}

impl BaseIndex for Stored<'_> {
    fn nearest(&self, query: &[f32], limit: usize) -> Result<Option<Vec<BaseHit>>, ApiError> {
        let bytes = self.objects.get(&store::keys::index(STORE, &self.base))?;
        let (words, _) = bytes.as_chunks::<4>();
        let vectors: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        let hits = nearest(query, &vectors, limit + 40).into_iter();
        Ok(Some(
            hits.map(|(row, score)| BaseHit { row, score }).collect(),
        ))
    }
}

/// What a search for a text finds first, by the native index or without it.
fn found(objects: &dyn Objects, text: &str, natively: bool) -> Vec<String> {
    let manifest = current(objects, STORE).unwrap().unwrap();
    let table = Table::of(objects, &manifest).unwrap();
    let stored = manifest.index.as_ref().map(|index| Stored {
        objects,
        base: index.base.clone(),
    });
    let stored = stored.as_ref().filter(|_| natively);
    let wanted = Search {
        queries: &[Query::new(&vector(text)).unwrap()],
        limit: 10,
        threshold: 0.0,
        filter: None,
        base: stored.map(|stored| stored as &dyn BaseIndex),
    };
    let results = search(objects, STORE, &table, &wanted).unwrap();
    let text = |hit| {
        let hit = serde_json::to_value(hit).unwrap();
        hit["content"][0]["text"].as_str().unwrap().to_owned()
    };
    results.iter().map(text).collect()
}

fn rows(objects: &dyn Objects) -> u64 {
    let manifest = current(objects, STORE).unwrap().unwrap();
    let table = Table::of(objects, &manifest).unwrap();
    let live = |meta: &SegmentMeta| {
        let ranges = table.live_rows(meta);
        ranges
            .iter()
            .map(|rows| u64::from(rows.end - rows.start))
            .sum::<u64>()
    };
    table.segments.values().map(live).sum()
}

fn base_objects(objects: &dyn Objects) -> Vec<String> {
    let all = objects.list_all(&store::keys::bases(STORE)).unwrap();
    all.into_iter().map(|meta| meta.key).collect()
}
