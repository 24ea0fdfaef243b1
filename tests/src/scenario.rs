//! The two loads whose memory is promised to be bounded, for a test and a benchmark alike.

use std::io::{Cursor, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::Payload;
use crate::text::Prose;
use crate::{Client, FakeEmbedder, Server, process, wait};

/// How a document is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `POST /v1/files`, then attached to a store.
    Attached,
    /// `POST /upload` with JSON.
    Uploaded,
}

/// Whether segments get graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// As an operator gets it who says nothing: none does.
    Default,
    /// From 16,384 rows on: many times the CPU.
    Graphs,
}

/// What one large document took.
#[derive(Clone, Copy, Debug)]
pub struct LargeDocument {
    /// From the first byte sent until it is searchable.
    pub took: Duration,
    /// Chunks that were embedded.
    pub chunks: usize,
    /// CPU time of all instances of `ingest`.
    pub guest_cpu: Duration,
    /// The most linear memory that one instance of `ingest` had.
    pub guest_peak: u64,
    /// The most memory that the host had resident.
    pub host_peak: u64,
    /// The host's resident memory before.
    pub host_before: u64,
}

/// The seed of every large document.
const SEED: u64 = 42;

/// Ingests a document of `bytes` and, without graphs, finds passages in its beginning, middle and
/// end.
///
/// # Panics
/// When it is not ingested, or a passage is not found.
pub fn large_document(bytes: u64, way: Way, index: Index) -> LargeDocument {
    let embedder = FakeEmbedder::start();
    let mut server = Server::builder()
        .embedder(&embedder)
        .option("--limit-wall-ms", 1_800_000)
        .option("--limit-cpu-ms", 1_800_000)
        // Ingestion alone is measured.
        .option("--rebuild-min-rows", 0);
    if index == Index::Graphs {
        server = server.option("--index-graph-min-rows", 16_384);
    }
    let server = server.start();
    let client = server.client().patient();
    client.upload(
        "warm",
        "A first upload, so that everything has been used once.",
    );
    let host_before = server.resident_bytes();
    let begun = Instant::now();
    let store = match way {
        Way::Attached => attach(&client, bytes),
        Way::Uploaded => upload(&client, bytes),
    };
    let took = begun.elapsed();
    let chunks = embedder.seen().iter().map(|request| request.inputs).sum();
    // The fake vectors have no structure that a walk could follow; what a graph finds in vectors
    // that have some is measured beside it, in the core's tests.
    let exact = index == Index::Default;
    for passage in passages(bytes).into_iter().filter(|_| exact) {
        let best = &client.find(&store, &passage)[0];
        assert!(best.score > 0.5, "not found: {passage}, but {best:?}");
    }
    LargeDocument {
        took,
        chunks,
        guest_cpu: Duration::from_millis(of_ingest(&server, "dayfly_guest_cpu_milliseconds_total")),
        guest_peak: of_ingest(&server, "dayfly_guest_memory_peak_bytes"),
        host_peak: process::peak_resident_bytes(server.pid()),
        host_before,
    }
}

fn attach(client: &Client, bytes: u64) -> String {
    let store = client.create_store("large");
    let file = client.upload_stream("large.txt", Prose::new(SEED, bytes), bytes);
    client.attach(&store, &file, &json!({}));
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    wait::until_within(Duration::from_secs(1_800), "the large document", || {
        (client.get(&path).ok()["status"] != "in_progress").then_some(())
    });
    client.completed(&store, &file);
    store
}

fn upload(client: &Client, bytes: u64) -> String {
    let text = OneLine(Prose::new(SEED, bytes));
    let body = Cursor::new("{\"text\":\"")
        .chain(text)
        .chain(Cursor::new("\"}"));
    let answer = client.request(
        "POST",
        "/upload?store=large",
        Some("application/json"),
        Payload::Stream(Box::new(body), Some(bytes + 11)),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    "large".to_owned()
}

/// Passages at three places of the document, made without holding it.
fn passages(bytes: u64) -> Vec<String> {
    [0, bytes / 2, bytes - 1_000]
        .into_iter()
        .map(|place| {
            let mut reader = Prose::new(SEED, bytes);
            std::io::copy(&mut reader.by_ref().take(place), &mut std::io::sink()).unwrap();
            let mut passage = String::new();
            reader.take(800).read_to_string(&mut passage).unwrap();
            passage
        })
        .collect()
}

/// JSON strings have no line feeds.
struct OneLine(Prose);

impl Read for OneLine {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        for byte in &mut buffer[..count] {
            if *byte == b'\n' {
                *byte = b' ';
            }
        }
        Ok(count)
    }
}

/// What many small uploads, mixed with hostile requests, left behind.
#[derive(Clone, Debug)]
pub struct ManyUploads {
    /// The host's resident memory after each hundred uploads.
    pub resident: Vec<u64>,
    /// Its open files after the first hundred and at the end.
    pub open_files: (usize, usize),
    /// How all of it took.
    pub took: Duration,
    /// Instances that were ended by their memory limit.
    pub memory_kills: f64,
    /// Instances that trapped.
    pub traps: f64,
}

/// Uploads `hundreds` times a hundred small documents to the server at `program`, which has the
/// hostile guest in the place of the one for files; one in ten is followed by a trap, one in
/// twenty by an instance that fills its memory.
///
/// # Panics
/// When an upload fails.
pub fn many_uploads(program: &Path, hundreds: usize) -> ManyUploads {
    let embedder = FakeEmbedder::start();
    let options = json!({"limits": {"memory_mib": 64}});
    let server = Server::builder()
        .program(program)
        .embedder(&embedder)
        .env("HOSTILE_OPTIONS", &options.to_string())
        .start();
    let client = server.client();
    let begun = Instant::now();
    let mut resident = Vec::new();
    let mut open_files = Vec::new();
    for hundred in 0..hundreds {
        for n in 0..100 {
            let seed = (hundred * 100 + n) as u64;
            client.upload(&format!("store{}", n % 10), &Prose::text(seed, 3_000));
            if n % 10 == 3 {
                client.get("/v1/files/trap").error(500);
            }
            if n % 20 == 7 {
                client.get("/v1/files/memory").error(413);
            }
            client.find(&format!("store{}", n % 10), "clordrimfles");
        }
        wait::until("no instance to be left", || {
            (server.metrics().sum("dayfly_instances", &[]) == 0.0).then_some(())
        });
        resident.push(server.resident_bytes());
        open_files.push(process::open_files(server.pid()));
    }
    let kills = |reason| {
        let metrics = server.metrics();
        metrics.sum("dayfly_guest_kills_total", &[("reason", reason)])
    };
    ManyUploads {
        resident,
        open_files: (open_files[0], open_files[open_files.len() - 1]),
        took: begun.elapsed(),
        memory_kills: kills("memory"),
        traps: kills("trap"),
    }
}

/// Resident memory after each hundred of `hundreds` times a hundred uploads of so many bytes, which
/// `clients` send at once to ten stores.
///
/// # Panics
/// When an upload fails.
pub fn uploads_at_once(clients: usize, hundreds: usize, bytes: u64) -> Vec<u64> {
    let embedder = FakeEmbedder::start();
    let server = Server::start(&embedder);
    let client = server.client();
    let mut resident = Vec::new();
    for hundred in 0..hundreds {
        std::thread::scope(|scope| {
            for caller in 0..clients {
                let client = client.clone();
                scope.spawn(move || {
                    for n in (caller..100).step_by(clients) {
                        let seed = (hundred * 100 + n) as u64;
                        client.upload(&format!("store{}", n % 10), &Prose::text(seed, bytes));
                    }
                });
            }
        });
        server.wait_until_idle();
        resident.push(server.resident_bytes());
    }
    resident
}

fn of_ingest(server: &Server, metric: &str) -> u64 {
    server.metrics().sum(metric, &[("guest", "ingest")]) as u64
}

/// What uploads of 100 KB did to one server.
#[derive(Clone, Debug)]
pub struct Uploads {
    /// Resident memory after each hundred.
    pub resident: Vec<u64>,
    /// CPU time of an upload on average.
    pub cpu: Duration,
    /// What an upload took, in the middle and at worst.
    pub latency: (Duration, Duration),
}

/// Uploads `hundreds` times a hundred documents of 100 KB to any server that has `/upload`.
///
/// # Panics
/// When an upload fails.
pub fn uploads(client: &Client, pid: u32, hundreds: usize) -> Uploads {
    client.upload("default", &Prose::text(SEED, 100_000));
    let before = process::cpu_time(pid);
    let mut resident = Vec::new();
    let mut latencies = Vec::new();
    for hundred in 0..hundreds {
        for n in 0..100 {
            let text = Prose::text((hundred * 100 + n) as u64, 100_000);
            let begun = Instant::now();
            client.upload("default", &text);
            latencies.push(begun.elapsed());
        }
        resident.push(process::resident_bytes(pid));
    }
    let cpu = process::cpu_time(pid) - before;
    let cpu = cpu / u32::try_from(hundreds * 100).unwrap();
    latencies.sort_unstable();
    let latency = (
        latencies[latencies.len() / 2],
        latencies[latencies.len() - 1],
    );
    Uploads {
        resident,
        cpu,
        latency,
    }
}
