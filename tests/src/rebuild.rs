//! Stores with native indexes, for tests and benchmarks alike.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dayfly_faiss::Index;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::embedder::DIMENSION;
use crate::{Cli, Client, Server, binary, vector, wait};

/// A folder that `dayfly import` takes, with a file for each `per_file` of the texts, `file0` and
/// so on; answers the vectors, one behind the other.
///
/// # Panics
/// When it cannot be written.
pub fn folder_of(path: &Path, texts: &[String], per_file: usize) -> Vec<f32> {
    use std::io::Write;
    let vectors: Vec<f32> = texts
        .iter()
        .flat_map(|text| vector::embed(text, DIMENSION))
        .collect();
    std::fs::create_dir_all(path).unwrap();
    let mut index = Index::from_factory(DIMENSION as u32, "Flat").unwrap();
    index.add(&vectors).unwrap();
    let file = std::fs::File::create(path.join("index.faiss")).unwrap();
    let mut file = std::io::BufWriter::new(file);
    index.write(&mut file).unwrap();
    file.flush().unwrap();
    let mut lines =
        std::io::BufWriter::new(std::fs::File::create(path.join("texts.jsonl")).unwrap());
    for (n, text) in texts.iter().enumerate() {
        let file = n / per_file;
        let metadata = json!({"source": format!("file{file}"), "parity": file % 2, "n": file});
        writeln!(lines, "{}", json!({"text": text, "metadata": metadata})).unwrap();
    }
    lines.flush().unwrap();
    vectors
}

/// Imports such a folder into the store `name` of a data directory.
///
/// # Panics
/// When it is refused.
pub fn import(folder: &Path, data: &Path, name: &str) {
    import_of(folder, data, "default", name);
}

/// Imports such a folder into a store of that tenant.
///
/// # Panics
/// When it is refused.
pub fn import_of(folder: &Path, data: &Path, tenant: &str, name: &str) {
    std::fs::create_dir_all(data).unwrap();
    Cli::new()
        .arg("import")
        .arg(folder)
        .args(["--tenant", tenant])
        .args(["--store", name, "--model", "fake", "--data"])
        .arg(data)
        .run()
        .success();
}

/// `dayfly rebuild --worker` on a data directory; ended when dropped.
pub struct Worker(Child);

impl Worker {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(data: &Path) -> Self {
        let mut command = Command::new(binary::dayfly());
        command.args(["rebuild", "--worker", "--data"]).arg(data);
        let silent = command.stderr(Stdio::null()).stdout(Stdio::null());
        Self(silent.spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks for a rebuild and waits for its end; answers what is said of it then.
///
/// # Panics
/// When it is refused, or has not ended after ten minutes.
pub fn rebuild(client: &Client, store: &str, request: &Value) -> Value {
    client.post_json(&path(store), request).ok();
    rebuilt(client, store)
}

/// Waits for a rebuild's end.
///
/// # Panics
/// When it has not ended after ten minutes.
pub fn rebuilt(client: &Client, store: &str) -> Value {
    wait::until_within(Duration::from_secs(600), "a rebuild to end", || {
        let state = client.get(&path(store)).ok();
        (state["status"] == "idle" || state["status"] == "failed").then_some(state)
    })
}

/// Where a store's rebuild is asked for and followed.
pub fn path(store: &str) -> String {
    format!("/v1/vector_stores/{store}/rebuild")
}

/// The processes that a process has started and that still run.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return found;
    };
    for thread in threads.flatten() {
        let children = std::fs::read_to_string(thread.path().join("children"));
        let children = children.unwrap_or_default();
        found.extend(
            children
                .split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    found
}

/// Has the links of the graph of a tenant's only index lead far outside, and its store believe that this
/// is its index. It has as many `rows`, whole, and nobody has searched it yet, or will before a restart.
///
/// # Panics
/// When there is no such index.
pub fn misguide(server: &Server, tenant: &str, rows: usize) {
    let keys = server.stored();
    let own = keys.iter().filter(|key| key.starts_with(tenant));
    let index = own.clone().find(|key| key.ends_with("index.faiss"));
    let file = server.data().join(index.unwrap());
    let mut bytes = std::fs::read(&file).unwrap();
    // The vectors come last, and the links before them.
    let links = bytes.len() - rows * DIMENSION * 4 - 4_000;
    bytes[links - rows * 100..links].fill(0x7f);
    std::fs::write(&file, &bytes).unwrap();
    let checksum: String = Sha256::digest(&bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let newest = own.filter(|key| key.contains("/manifest/")).max();
    let newest = server.data().join(newest.unwrap());
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&newest).unwrap()).unwrap();
    manifest["index"]["sha256"] = json!(checksum);
    std::fs::write(&newest, serde_json::to_vec(&manifest).unwrap()).unwrap();
}
