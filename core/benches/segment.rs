//! Scan against graph, each with every read that a fresh instance must make, and the cost of
//! building. `DEFAULT_GRAPH_MIN_ROWS`, `DEFAULT_SEGMENT_MAX_ROWS` and the graph's parameters
//! were chosen by it. About a minute; with `DAYFLY_BENCH_LARGE` set, 65,536 rows as well, whose
//! graph takes two minutes more.
//!
//! Storage is memory here, so a read costs a copy. What a slower storage would add can be told
//! from the number of reads and rounds, which are printed beside recall.
#![allow(
    clippy::disallowed_methods,
    reason = "a benchmark has a clock, which `core` has not"
)]

use std::cell::Cell;
use std::error::Error;
use std::hint::black_box;
use std::ops::Range;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use dayfly_core::home::Home;
use dayfly_core::objects::{MemoryObjects, ObjectError, ObjectMeta, ObjectWriter, Objects, Part};
use dayfly_core::segment::{
    DeadRows, Hit, Method, NewRow, Query, Scope, SegmentMeta, SegmentSpec, SegmentWriter, open,
    search_by,
};

const DIMENSION: usize = 384;
const ROWS: [usize; 4] = [1 << 10, 1 << 12, 1 << 14, 1 << 15];
const LARGE_ROWS: usize = 1 << 16;
const QUERIES: usize = 64;
const K: usize = 10;
const METHODS: [(&str, Method); 2] = [("scan", Method::Scan), ("graph", Method::Graph)];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let large = std::env::var_os("DAYFLY_BENCH_LARGE").map(|_| LARGE_ROWS);
    for rows in ROWS.into_iter().chain(large) {
        let mut vectors = clustered(7, rows + QUERIES);
        let queries = vectors.split_off(rows);
        measure(&mut criterion, &vectors, &queries)?;
    }
    criterion.final_summary();
    Ok(())
}

fn measure(
    criterion: &mut Criterion,
    vectors: &[Vec<f32>],
    queries: &[Vec<f32>],
) -> Result<(), Box<dyn Error>> {
    let rows = vectors.len();
    let objects = Counting::default();
    let (_, plain) = write(&objects, vectors, u32::MAX)?;
    let (meta, spent) = write(&objects, vectors, 1)?;
    let spent = [plain, spent].map(|spent| spent.as_secs_f64());
    let graph_bytes = meta.graph.as_ref().map_or(0, |graph| graph.bytes);
    println!(
        "{rows} rows: written in {:.2} s, the graph built and written in {:.2} s more; {} KiB and \
         {} KiB",
        spent[0],
        spent[1] - spent[0],
        meta.bytes >> 10,
        graph_bytes >> 10
    );
    let expected: Vec<Vec<usize>> = queries.iter().map(|query| exact(vectors, query)).collect();
    let queries = queries
        .iter()
        .map(|query| Query::new(query))
        .collect::<Result<Vec<_>, _>>()?;
    let mut group = criterion.benchmark_group(format!("fresh search of {rows} rows"));
    for (name, method) in METHODS {
        objects.reset();
        let mut common = 0;
        for (query, expected) in queries.iter().zip(&expected) {
            let hits = fresh_search(&objects, &meta, query, method)?;
            common += hits
                .iter()
                .filter(|hit| expected.contains(&(hit.row as usize)))
                .count();
        }
        let each = |total: u64| total as f64 / QUERIES as f64;
        println!(
            "{rows} rows, {name}: recall@{K} {:.4}; each query {:.1} rounds, {:.0} reads, {:.0} KiB",
            common as f64 / (K * QUERIES) as f64,
            each(objects.rounds.get()),
            each(objects.reads.get()),
            each(objects.bytes.get()) / 1024.0,
        );
        let mut asked = queries.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                let hits = asked
                    .next()
                    .map(|query| fresh_search(&objects, &meta, query, method));
                black_box(hits.is_some_and(|hits| hits.is_ok()))
            });
        });
    }
    group.finish();
    Ok(())
}

fn home() -> Home {
    Home::new("vs_bench", "i1")
}

fn write(
    objects: &dyn Objects,
    vectors: &[Vec<f32>],
    graph_min_rows: u32,
) -> Result<(SegmentMeta, Duration), Box<dyn Error>> {
    let spec = SegmentSpec {
        home: home(),
        id: format!("from-{graph_min_rows}"),
        model: "clustered".to_owned(),
        dimension: DIMENSION as u32,
        graph_min_rows,
        base: None,
    };
    let text = "A chunk of text has about a thousand characters. ".repeat(20);
    let begun = Instant::now();
    let mut writer = SegmentWriter::create(objects, spec)?;
    for (chunk, vector) in vectors.iter().enumerate() {
        let start = chunk as u64 * 850;
        let (chunk, end, text) = (chunk as u32, start + 1_000, text.as_str());
        writer.push(&NewRow {
            file_id: "file-0123456789abcdef",
            chunk,
            start,
            end,
            text,
            vector,
        })?;
    }
    let meta = writer.finish(objects)?.meta;
    Ok((meta, begun.elapsed()))
}

/// Everything that a new instance does for one query once it has the manifest.
fn fresh_search(
    objects: &dyn Objects,
    meta: &SegmentMeta,
    query: &Query,
    method: Method,
) -> Result<Vec<Hit>, Box<dyn Error>> {
    let segments = open(objects, &home(), &[meta])?;
    let scopes: Vec<Scope<'_>> = segments
        .iter()
        .map(|segment| Scope {
            segment,
            live: DeadRows::empty().live_ranges(meta.rows),
            found: None,
        })
        .collect();
    let mut found = search_by(objects, &scopes, std::slice::from_ref(query), K, method)?;
    Ok(found.pop().unwrap_or_default())
}

fn exact(vectors: &[Vec<f32>], query: &[f32]) -> Vec<usize> {
    let length = |vector: &[f32]| vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    let mut all: Vec<(f32, usize)> = vectors
        .iter()
        .enumerate()
        .map(|(row, vector)| {
            let dot: f32 = vector.iter().zip(query).map(|(x, y)| x * y).sum();
            (dot / length(vector), row)
        })
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.into_iter().take(K).map(|(_, row)| row).collect()
}

/// Vectors around centres, sixty rows to a centre, in a subspace that is narrower than they are:
/// as embeddings lie, and unlike uniform noise, where every row is as far as every other.
fn clustered(seed: u64, rows: usize) -> Vec<Vec<f32>> {
    const INNER: usize = 48;
    let mut state = seed;
    let mut uniform = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f32 / (1 << 24) as f32
    };
    let mut normal = move || (0..4).map(|_| uniform() - 0.5).sum::<f32>();
    let mut matrix = |rows: usize, columns: usize| -> Vec<Vec<f32>> {
        (0..rows)
            .map(|_| (0..columns).map(|_| normal()).collect())
            .collect()
    };
    let basis = matrix(INNER, DIMENSION);
    let centres = matrix(rows.div_ceil(60), INNER);
    let offsets = matrix(rows, INNER);
    let noise = matrix(64, DIMENSION);
    let row = |(row, offset): (usize, &Vec<f32>)| {
        let centre = &centres[(row.wrapping_mul(2_654_435_761) >> 7) % centres.len()];
        let mut vector: Vec<f32> = noise[row % noise.len()].iter().map(|x| x * 0.5).collect();
        for ((axis, c), o) in basis.iter().zip(centre).zip(offset) {
            let weight = c + o * 0.7;
            vector
                .iter_mut()
                .zip(axis)
                .for_each(|(x, a)| *x += weight * a);
        }
        vector
    };
    offsets.iter().enumerate().map(row).collect()
}

/// Memory that counts what is read of it.
#[derive(Default)]
struct Counting {
    objects: MemoryObjects,
    rounds: Cell<u64>,
    reads: Cell<u64>,
    bytes: Cell<u64>,
}

impl Counting {
    fn reset(&self) {
        self.rounds.set(0);
        self.reads.set(0);
        self.bytes.set(0);
    }
}

impl Objects for Counting {
    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let read = self.objects.get_many(parts);
        let bytes: usize = read.iter().flatten().map(Vec::len).sum();
        self.rounds.set(self.rounds.get() + 1);
        self.reads.set(self.reads.get() + parts.len() as u64);
        self.bytes.set(self.bytes.get() + bytes as u64);
        read
    }

    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.objects.get(key)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.objects.get_range(key, range)
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.objects.head(key)
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.objects.put(key, data)
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.objects.put_new(key, data)
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.objects.list(prefix, start_after, limit)
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.objects.folders(prefix)
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.objects.delete(key)
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.objects.create(key)
    }
}
