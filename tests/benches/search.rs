//! Prints what a search of a local store costs, by its size and its ways, beside LanceDB in its own process
//! without an index: `cargo bench -p dayfly-tests --bench search`. With `-- 10800`, for a store of so many
//! rows alone; with `-- alone`, without LanceDB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use dayfly_tests::rebuild::{folder_of, import, rebuild};
use dayfly_tests::topics::Topics;
use dayfly_tests::{FakeEmbedder, Server, process, vector, venv};
use serde_json::{Value, json};

const ROWS: [usize; 3] = [1, 10_800, 108_000];
/// Rows of a file.
const FILE_ROWS: usize = 100;
/// Stores with so many rows get an index, too.
const INDEXED_FROM: usize = 10_000;
const SEARCHES: usize = 400;
const CLIENTS: usize = 8;
const PACKAGES: [&str; 2] = ["lancedb==0.40.0", "numpy==2.4.6"];

fn main() {
    let said: Vec<String> = std::env::args().skip(1).collect();
    let alone = said.iter().any(|word| word == "alone");
    let chosen: Vec<usize> = said.iter().filter_map(|word| word.parse().ok()).collect();
    let rows = if chosen.is_empty() {
        &ROWS[..]
    } else {
        &chosen
    };
    println!(
        "{:>8}  {:<22} {:>8} {:>8} {:>12} {:>11} {:>13}",
        "rows", "way", "p50 ms", "p99 ms", "searches/s", "CPU ms each", "resident MiB"
    );
    for &rows in rows {
        measure(rows, alone);
    }
}

fn measure(rows: usize, alone: bool) {
    let topics = Topics::new(3, 1_000);
    let texts: Vec<String> = (0..rows as u64).map(|n| topics.text(n, 75)).collect();
    let queries: Vec<String> = (0..64).map(|n| topics.text(1_000_000 + n, 12)).collect();
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let vectors = folder_of(folder.path(), &texts, FILE_ROWS);
    import(folder.path(), data.path(), "s");
    let embedder = FakeEmbedder::start();
    let server = Server::builder()
        .embedder(&embedder)
        .data(data.path())
        .option("--rebuild-min-rows", 0)
        .start();
    let store = server.client().get("/v1/vector_stores/s").ok()["id"].clone();
    let store = store.as_str().unwrap();
    let scanned = row(rows, "scanned", &server, store, &queries, 1);
    row(
        rows,
        "scanned, 8 clients",
        &server,
        store,
        &queries,
        CLIENTS,
    );
    if rows >= INDEXED_FROM {
        let state = rebuild(&server.client(), store, &json!({}));
        assert_eq!(state["status"], "idle", "{state}");
        let way = state["index"]["factory"].as_str().unwrap().to_owned();
        row(rows, &way, &server, store, &queries, 1);
        row(
            rows,
            &format!("{way}, 8 clients"),
            &server,
            store,
            &queries,
            CLIENTS,
        );
    }
    if !alone {
        let peer = lancedb(folder.path(), &vectors, &queries);
        println!(
            "{rows:>8}  {:<22} {peer:>8.2}   Dayfly scanned takes {:.2} of it",
            "LanceDB, no index",
            scanned / peer
        );
    }
}

/// Prints a row; answers the median, in milliseconds.
fn row(
    rows: usize,
    way: &str,
    server: &Server,
    store: &str,
    queries: &[String],
    clients: usize,
) -> f64 {
    search(server, store, &queries[..8]);
    let (begin, cpu) = (Instant::now(), process::cpu_time(server.pid()));
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let search_all = |client: usize| {
            let from = client * 7 % queries.len();
            let all = queries.iter().cycle().skip(from).take(SEARCHES / clients);
            let all: Vec<String> = all.cloned().collect();
            scope.spawn(move || search(server, store, &all))
        };
        let running: Vec<_> = (0..clients).map(search_all).collect();
        let ended = running.into_iter().map(|one| one.join().unwrap());
        ended.flatten().collect()
    });
    let (took, cpu) = (begin.elapsed(), process::cpu_time(server.pid()) - cpu);
    times.sort_unstable();
    let at = |part: f64| times[(times.len() as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{rows:>8}  {way:<22} {:>8.2} {:>8.2} {:>12.0} {:>11.2} {:>13.1}",
        at(0.5),
        at(0.99),
        times.len() as f64 / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e3 / times.len() as f64,
        server.resident_bytes() as f64 / f64::from(1 << 20)
    );
    at(0.5)
}

fn search(server: &Server, store: &str, queries: &[String]) -> Vec<Duration> {
    let client = server.client();
    let search = |query: &String| {
        let begin = Instant::now();
        let hits = client.search(store, &json!({"query": query, "max_num_results": 10}));
        assert!(!hits.is_empty());
        begin.elapsed()
    };
    queries.iter().map(search).collect()
}

/// The median of LanceDB's searches of the same vectors, in milliseconds.
fn lancedb(folder: &Path, vectors: &[f32], queries: &[String]) -> f64 {
    let python = venv::with("lancedb", &PACKAGES);
    let bytes =
        |vectors: &[f32]| -> Vec<u8> { vectors.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let of_queries = queries.iter().flat_map(|text| vector::embed(text, 384));
    let of_queries: Vec<f32> = of_queries.collect();
    std::fs::write(folder.join("vectors"), bytes(vectors)).unwrap();
    std::fs::write(folder.join("queries"), bytes(&of_queries)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/search_peer.py");
    let ended = Command::new(python)
        .arg(script)
        .arg(folder)
        .output()
        .unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let found: Value = serde_json::from_slice(&ended.stdout).unwrap();
    found["p50_ms"].as_f64().unwrap()
}
