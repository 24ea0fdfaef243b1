//! What Python's own programs make of the files, and what they make for us.

use std::path::PathBuf;
use std::process::Command;

use dayfly_tests::rebuild::rebuild;
use dayfly_tests::{Cli, venv};
use serde_json::{Value, json};

use super::*;

/// As the tests of the crate that reads pickles have them, so that they are installed once.
const PACKAGES: [&str; 4] = [
    "faiss-cpu==1.15.1",
    "langchain-community==0.4.2",
    "numpy==2.2.6",
    "pyarrow==22.0.0",
];

/// Runs a part of `native.py` and gives the JSON that it prints.
fn python(words: &[&str]) -> Value {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/native.py");
    let output = Command::new(venv::with("native", &PACKAGES))
        .arg(script)
        .args(words)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn pythons_faiss_reads_the_index_and_finds_the_same_neighbours() {
    let native = Native::of(2_000, |builder| builder);
    let client = &native.client;
    for factory in ["Flat", "SQ8", "HNSW32,SQ8", "IVF16,SQ8", "OPQ48,IVF16,PQ48"] {
        let state = rebuild(client, "s", &json!({"factory": factory}));
        assert_eq!(state["status"], "idle", "{state}");
        let keys = native.server.stored();
        let manifest = newest_manifest(&native.server, &keys);
        let base = manifest["index"]["base"].as_str().unwrap();
        let folder = keys
            .iter()
            .find_map(|key| key.strip_suffix(&format!("{base}/index.faiss")))
            .map(|folder| native.server.data().join(folder).join(base))
            .unwrap();
        let parameters = manifest["index"]["parameters"].as_str().unwrap();
        let answer = python(&["neighbours", folder.to_str().unwrap(), parameters]);
        assert_eq!(answer["rows"], 2_000, "{factory}");
        assert_eq!(answer["files"], 200, "{factory}");
        // By the same code, of the same file: what Python finds is what Dayfly's own FAISS does.
        let index = dayfly_faiss::Index::map(&folder.join("index.faiss")).unwrap();
        let queries: Vec<f32> = serde_json::from_value(answer["queries"].clone()).unwrap();
        let options = dayfly_faiss::SearchOptions {
            parameters: parameters.parse().unwrap(),
            ..Default::default()
        };
        let ours = index.search(&queries, 10, &options).unwrap();
        let theirs: Vec<Vec<i64>> = serde_json::from_value(answer["neighbours"].clone()).unwrap();
        let (mut same, mut all) = (0, 0);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            all += theirs.len();
            let found = |row: &&i64| ours.iter().any(|hit| hit.row as i64 == **row);
            same += theirs.iter().filter(found).count();
        }
        // Rows whose scores differ in the last bit may change places at the end.
        assert!(same * 100 >= all * 99, "{factory}: {same} of {all}");
    }
}

fn newest_manifest(server: &Server, keys: &[String]) -> Value {
    let newest = keys
        .iter()
        .filter(|key| key.contains("/manifest/"))
        .max()
        .unwrap();
    serde_json::from_slice(&std::fs::read(server.data().join(newest)).unwrap()).unwrap()
}

#[test]
fn langchain_opens_what_was_exported_and_what_it_saves_is_imported() {
    let native = Native::of(120, |builder| builder);
    let data = native.server.data();
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let call = Cli::new()
        .args(["export", "s", "--format", "langchain", "--data"])
        .arg(&data);
    call.arg("--out").arg(&ours).run().success();
    // Python opens it, finds a text by its vector, adds one more and saves it.
    let answer = python(&[
        "langchain",
        ours.to_str().unwrap(),
        theirs.to_str().unwrap(),
        &native.texts[57],
    ]);
    assert_eq!(answer["found"], native.texts[57]);
    assert_eq!(answer["source"], "file5");
    assert_eq!(answer["rows"], 121);
    let call = Cli::new()
        .arg("import")
        .arg(&theirs)
        .args(["--store", "back", "--model", "fake"]);
    call.arg("--data").arg(&data).run().success();
    let client = &native.client;
    assert_eq!(
        client.find("back", &native.texts[57])[0].text,
        native.texts[57]
    );
    let added = answer["added"].as_str().unwrap();
    let body = json!({"query": native.texts[0], "max_num_results": 50,
        "filters": {"type": "eq", "key": "author", "value": "python"}});
    assert_eq!(client.search("back", &body)[0].text, added);
}

#[test]
fn arrow_readers_open_what_was_exported() {
    let native = Native::of(60, |builder| builder);
    let folder = tempfile::tempdir().unwrap();
    let call = Cli::new().args(["export", "s", "--format", "arrow", "--data"]);
    let call = call
        .arg(native.server.data())
        .arg("--out")
        .arg(folder.path());
    call.run().success();
    let path = folder.path().join("rows.arrow");
    let answer = python(&["arrow", path.to_str().unwrap()]);
    assert_eq!(answer["rows"], 60);
    assert_eq!(answer["model"], "fake");
    let mut texts: Vec<String> = serde_json::from_value(answer["texts"].clone()).unwrap();
    let mut expected = native.texts.clone();
    texts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(texts, expected);
    assert!(
        answer["length"]
            .as_f64()
            .is_some_and(|length| (length - 1.0).abs() < 1e-3)
    );
}
