//! LangChain reads what this crate writes, and this crate what LangChain writes.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use dayfly_langchain::{Docstore, Document, write};
use serde_json::{Value, json};

/// `langchain-core` and `numpy` come with them.
const PACKAGES: [&str; 2] = ["langchain-community==0.4.2", "faiss-cpu==1.15.1"];

#[test]
fn stores_go_both_ways() {
    let python = venv(&PACKAGES);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stores");
    std::fs::create_dir_all(&folder).unwrap();

    let saved = folder.join("saved");
    run(script(&python).arg("save").arg(&saved));
    let bytes = std::fs::read(saved.join("index.pkl")).unwrap();
    let store = Docstore::read(&bytes).unwrap();
    let found: Vec<_> = (0..store.rows())
        .map(|row| (store.id(row).unwrap(), store.document(row).unwrap()))
        .collect();
    let metadata = json!({"n": 1, "tags": ["a", "b"], "at": [0.5, null]});
    // Documents that are given to LangChain with ids take these as their own.
    let expected = [
        ("first", document(Some("first"), "apple", metadata)),
        ("second", document(Some("second"), "pear", json!({}))),
        (
            "fourth",
            document(Some("fourth"), "naïve 😀", json!({"big": u64::MAX})),
        ),
    ];
    assert_eq!(found, expected);

    let documents: Vec<_> = (0..2_500)
        .map(|number| {
            let name = format!("row {number}");
            let metadata = json!({
                "number": number, "negative": -number, "float": 0.1 * f64::from(number),
                "most": u64::MAX, "least": i64::MIN, "none": null, "yes": true,
                "nested": {"list": [[], {}, [number, "é"]], "long": "x".repeat(300)},
            });
            let id = match number % 3 {
                0 => None,
                1 => Some(name.as_str()),
                _ => Some("of its own"),
            };
            let document = document(id, &format!("text {number} 😀"), metadata);
            (name, document)
        })
        .collect();
    let written = folder.join("written");
    std::fs::create_dir_all(&written).unwrap();
    let file = std::fs::File::create(written.join("index.pkl")).unwrap();
    write(documents.iter().map(|(id, d)| (id.clone(), d)), file).unwrap();
    let list: Value = documents
        .iter()
        .map(|(name, d)| json!([name, d.id, d.page_content, d.metadata]))
        .collect();
    let json = folder.join("documents.json");
    std::fs::write(&json, list.to_string()).unwrap();
    run(script(&python).arg("open").arg(&written).arg(&json));

    // Python has added one, deleted the first, and saved the store again.
    let bytes = std::fs::read(written.join("index.pkl")).unwrap();
    let store = Docstore::read(&bytes).unwrap();
    assert_eq!(store.rows(), 2_500);
    assert_eq!(store.id(2_499), Some("added"));
    for (row, (name, document)) in (0..).zip(&documents[1..]) {
        assert_eq!(store.id(row), Some(name.as_str()));
        assert_eq!(store.document(row).as_ref(), Some(document));
    }
}

fn document(id: Option<&str>, text: &str, metadata: Value) -> Document {
    Document {
        id: id.map(str::to_owned),
        page_content: text.into(),
        metadata: metadata.as_object().unwrap().clone(),
    }
}

fn script(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python.py"));
    command
}

/// The interpreter of a virtual environment with `packages` in it; made when it is not there yet.
fn venv(packages: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("venv/langchain");
    let python = folder.join("bin/python");
    let made = folder.join("packages.txt");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&made).is_ok_and(|has| has == wanted) {
        return python;
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder));
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(packages));
    std::fs::write(&made, wanted).unwrap();
    python
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
