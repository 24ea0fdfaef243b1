//! Native indexes: rebuilt in a process of their own, mapped for searches, given to other programs.

mod confined;
mod exchange;
mod kills;
mod life;
mod limits;
mod python;
mod spin;
mod workers;

use std::path::Path;

use dayfly_tests::rebuild::{folder_of, import};
use dayfly_tests::topics::Topics;
use dayfly_tests::{Builder, Client, FakeEmbedder, Server};

/// A store `s` of imported texts, and its server.
struct Native {
    embedder: FakeEmbedder,
    server: Server,
    client: Client,
    texts: Vec<String>,
    _data: tempfile::TempDir,
}

impl Native {
    /// With so many texts, ten of them in each file.
    fn of(texts: usize, change: impl FnOnce(Builder) -> Builder) -> Self {
        let data = tempfile::tempdir().unwrap();
        let texts = fill(data.path(), texts);
        let embedder = FakeEmbedder::start();
        let builder = Server::builder().embedder(&embedder).data(data.path());
        let server = change(builder.env("DAYFLY_REBUILD_MIN_ROWS", "0")).start();
        Self {
            client: server.client(),
            embedder,
            server,
            texts,
            _data: data,
        }
    }
}

/// Imports so many texts into the store `s` of a data directory.
fn fill(data: &Path, texts: usize) -> Vec<String> {
    let topics = Topics::new(7, 40);
    let texts: Vec<String> = (0..texts as u64).map(|n| topics.text(n, 40)).collect();
    let folder = tempfile::tempdir().unwrap();
    folder_of(folder.path(), &texts, 10);
    import(folder.path(), data, "s");
    texts
}

/// The texts that a search finds, best first.
fn found(client: &Client, query: &str, filter: Option<serde_json::Value>) -> Vec<String> {
    let mut body = serde_json::json!({"query": query, "max_num_results": 10});
    if let Some(filter) = filter {
        body["filters"] = filter;
    }
    client
        .search("s", &body)
        .into_iter()
        .map(|hit| hit.text)
        .collect()
}

/// The file of the store that is named so.
fn file_named(client: &Client, name: &str) -> String {
    let files = client.list("/v1/files?limit=10000");
    let file = files.iter().find(|file| file["filename"] == name);
    file.unwrap_or_else(|| panic!("no {name}"))["id"]
        .as_str()
        .unwrap()
        .to_owned()
}
