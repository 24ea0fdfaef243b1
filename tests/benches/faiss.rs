//! Native rebuilds and searches beside Python's faiss-cpu, with the same parameters on the same
//! rows in the same run: `cargo bench -p dayfly-tests --bench faiss`. With `-- rebuild`,
//! `-- search`, `-- hop` or `-- memory`, that part alone; `-- 20000` for another number of rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use dayfly::confined::{Limits, Searcher, Wanted};
use dayfly_faiss::{Index, SearchOptions};
use dayfly_tests::rebuild::{folder_of, import, rebuild};
use dayfly_tests::topics::Topics;
use dayfly_tests::{Cli, FakeEmbedder, Server, binary, process, venv};
use serde_json::{Value, json};

const PACKAGES: [&str; 4] = [
    "faiss-cpu==1.15.1",
    "langchain-community==0.4.2",
    "numpy==2.2.6",
    "pyarrow==22.0.0",
];
const KINDS: [&str; 2] = ["HNSW32,SQ8", "IVF1024,SQ8"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rows = words
        .iter()
        .find_map(|word| word.parse().ok())
        .unwrap_or(100_000);
    let wanted = |name: &str| words.iter().any(|word| word == name);
    let all = !["rebuild", "search", "hop", "memory"]
        .into_iter()
        .any(wanted);
    let setting = Setting::of(rows);
    if all || wanted("rebuild") {
        rebuilds(&setting);
    }
    if all || wanted("search") {
        searches(&setting);
    }
    if all || wanted("hop") {
        hop(&setting);
    }
    if all || wanted("memory") {
        memory(&setting);
    }
}

/// A data directory with one store `s`.
struct Setting {
    rows: usize,
    data: tempfile::TempDir,
}

impl Setting {
    fn of(rows: usize) -> Self {
        let data = tempfile::tempdir().unwrap();
        let topics = Topics::new(7, 1_000);
        let texts: Vec<String> = (0..rows as u64).map(|n| topics.text(n, 80)).collect();
        let folder = tempfile::tempdir().unwrap();
        folder_of(folder.path(), &texts, 500);
        import(folder.path(), data.path(), "s");
        Self { rows, data }
    }

    fn server(&self) -> (Server, FakeEmbedder) {
        let embedder = FakeEmbedder::start();
        let builder = Server::builder().embedder(&embedder).data(self.data.path());
        (builder.option("--rebuild-min-rows", 0).start(), embedder)
    }

    /// Rebuilds the store; answers the folder of its base and how to search it.
    fn built(&self, factory: &str) -> (PathBuf, String) {
        let (server, _embedder) = self.server();
        let client = server.client();
        let state = rebuild(&client, "s", &json!({"factory": factory}));
        assert_eq!(state["status"], "idle", "{state}");
        let parameters = state["index"]["parameters"].as_str().unwrap().to_owned();
        println!("  recall {} with {parameters}", state["index"]["recall"]);
        (self.base(), parameters)
    }

    /// The folder of the store's base.
    fn base(&self) -> PathBuf {
        let stores = self.data.path().join("default/stores");
        let store = std::fs::read_dir(stores)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let manifests = std::fs::read_dir(store.join("manifest")).unwrap();
        let newest = manifests.map(|entry| entry.unwrap().path()).max().unwrap();
        let manifest: Value = serde_json::from_slice(&std::fs::read(newest).unwrap()).unwrap();
        store
            .join(manifest["incarnation"].as_str().unwrap())
            .join("base")
            .join(manifest["index"]["base"].as_str().unwrap())
    }
}

/// CPU seconds and peak resident MiB of a command with all that it starts.
fn measured(command: &[&str]) -> (f64, f64) {
    let answer = python(&[&["measure"], command].concat());
    (
        answer["cpu_s"].as_f64().unwrap(),
        answer["peak_mib"].as_f64().unwrap(),
    )
}

fn python(words: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/faiss_peer.py");
    let output = Command::new(venv::with("native", &PACKAGES))
        .arg(script)
        .args(words)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        // Chooses kernels for broken machines, and slows the peer down.
        .env_remove("OPENBLAS_CORETYPE")
        .env_remove("OPENBLAS_L2_SIZE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn rebuilds(setting: &Setting) {
    println!(
        "\nrebuild of {} rows of 384 components, 2 threads",
        setting.rows
    );
    println!("                 dayfly CPU s  python CPU s  ratio   dayfly MiB  python MiB  ratio");
    for factory in KINDS {
        let (base, _) = setting.built("Flat");
        ask(setting, factory);
        let data = setting.data.path().to_str().unwrap();
        let program = binary::dayfly().to_str().unwrap();
        let ours = measured(&[
            program,
            "rebuild",
            "--worker",
            "--once",
            "--data",
            data,
            "--rebuild-threads",
            "2",
        ]);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/faiss_peer.py");
        let interpreter = venv::with("native", &PACKAGES);
        let interpreter = interpreter.to_str().unwrap();
        let theirs = measured(&[
            interpreter,
            script,
            "build",
            base.to_str().unwrap(),
            factory,
        ]);
        println!(
            "{factory:<16} {:>12.1} {:>13.1} {:>6.2} {:>12.0} {:>11.0} {:>6.2}",
            ours.0,
            theirs.0,
            ours.0 / theirs.0,
            ours.1,
            theirs.1,
            ours.1 / theirs.1
        );
    }
}

/// Leaves a job for a worker.
fn ask(setting: &Setting, factory: &str) {
    let embedder = FakeEmbedder::start();
    let builder = Server::builder()
        .embedder(&embedder)
        .data(setting.data.path());
    let server = builder.option("--rebuild-concurrency", 0).start();
    Cli::new()
        .args(["rebuild", "s", "--no-wait", "--factory", factory])
        .args(["--url", server.client().base()])
        .run()
        .success();
}

fn searches(setting: &Setting) {
    println!(
        "\nsearch of {} rows, one thread, one query at a time",
        setting.rows
    );
    println!("                 dayfly queries/CPU s  python queries/CPU s  ratio");
    for factory in KINDS {
        let (base, parameters) = setting.built(factory);
        let theirs = python(&["search", base.to_str().unwrap(), &parameters]);
        let queries: Vec<f32> = serde_json::from_value(theirs["queries"].clone()).unwrap();
        let index = Index::map(&base.join("index.faiss")).unwrap();
        let options = SearchOptions {
            parameters: parameters.parse().unwrap(),
            ..SearchOptions::default()
        };
        let run = || {
            for query in queries.chunks_exact(384) {
                index.search(query, 40, &options).unwrap();
            }
        };
        run();
        let before = process::cpu_time(std::process::id());
        const ROUNDS: usize = 20;
        (0..ROUNDS).for_each(|_| run());
        let cpu = process::cpu_time(std::process::id()) - before;
        let ours = (ROUNDS * queries.len() / 384) as f64 / cpu.as_secs_f64();
        let theirs = theirs["queries_per_cpu_s"].as_f64().unwrap();
        println!(
            "{factory:<16} {ours:>20.0} {theirs:>21.0} {:>6.2}",
            ours / theirs
        );
    }
}

/// What it costs that searches are done in a process of their own: the same queries here and there,
/// in turns.
fn hop(setting: &Setting) {
    println!("\nsearches in a process of their own, one query at a time, microseconds");
    println!("                   here   there  hop   ratio");
    let program = binary::dayfly().to_owned();
    let limits = Limits {
        threads: 2,
        openmp: 1,
        memory_mib: 512,
    };
    let searcher = Searcher::by(program, limits);
    for factory in KINDS {
        let (base, parameters) = setting.built(factory);
        let path = base.join("index.faiss");
        let here = Index::map(&path).unwrap();
        let (there, _) = searcher
            .file(factory, std::fs::File::open(&path).unwrap())
            .unwrap();
        let options = SearchOptions {
            parameters: parameters.parse().unwrap(),
            ..SearchOptions::default()
        };
        let wanted = Wanted {
            k: 40,
            parameters,
            exhaustive: false,
        };
        let mut random = fastrand::Rng::with_seed(3);
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..2_000 {
            let query: Vec<f32> = (0..384).map(|_| random.f32() - 0.5).collect();
            let began = Instant::now();
            here.search(&query, 40, &options).unwrap();
            times[0].push(began.elapsed());
            let began = Instant::now();
            searcher.search(&there, None, &query, &wanted).unwrap();
            times[1].push(began.elapsed());
        }
        let [own, other] = times.map(|mut times| {
            times.sort();
            times[times.len() / 2].as_secs_f64() * 1e6
        });
        let (more, ratio) = (other - own, other / own);
        println!("{factory:<16} {own:>6.0} {other:>7.0} {more:>4.0} {ratio:>7.2}");
    }
}

fn memory(setting: &Setting) {
    let (server, _embedder) = setting.server();
    let client = server.client();
    let topics = Topics::new(7, 1_000);
    let mut resident = Vec::new();
    for round in 0..=10 {
        rebuild(&client, "s", &json!({"factory": "IVF256,SQ8"}));
        for n in 0..20 {
            client.find("s", &topics.text(1_000_000 + round * 20 + n, 40));
        }
        resident.push(server.resident_bytes() >> 20);
    }
    println!("\nresident MiB of the server after each of eleven rebuilds: {resident:?}");
}
