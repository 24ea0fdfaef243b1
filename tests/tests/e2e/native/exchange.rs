use dayfly_tests::{Cli, cli::Ended};

use super::*;

fn export(data: &Path, format: &str, out: &Path) -> Ended {
    let call = Cli::new()
        .args(["export", "s", "--format", format, "--data"])
        .arg(data);
    call.arg("--out").arg(out).run()
}

fn import(folder: &Path, data: &Path, store: &str) -> Ended {
    let call = Cli::new()
        .arg("import")
        .arg(folder)
        .args(["--store", store, "--model", "fake"]);
    call.arg("--data").arg(data).run()
}

#[test]
fn what_was_exported_is_imported_again_as_it_was() {
    let native = Native::of(200, |builder| builder);
    let client = &native.client;
    client.upload("s", "a heron, written by hand");
    let gone = file_named(client, "file3");
    let store = client.get("/v1/vector_stores/s").ok()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    client
        .delete(&format!("/v1/vector_stores/{store}/files/{gone}"))
        .ok();
    let data = native.server.data();
    for format in ["faiss", "langchain"] {
        let out = tempfile::tempdir().unwrap();
        let said = export(&data, format, out.path()).success();
        assert!(said.contains("191 rows of 20 files"), "{said}");
        // Beside the running server, which sees the new store at once.
        let said = import(out.path(), &data, format).success();
        assert!(said.contains("191 rows of 20 files"), "{said}");
        for text in [
            &native.texts[0],
            &native.texts[199],
            "a heron, written by hand",
        ] {
            assert_eq!(client.find(format, text)[0].text, *text);
        }
        let body = serde_json::json!({"query": native.texts[77], "max_num_results": 1,
            "filters": {"type": "eq", "key": "n", "value": 7}});
        assert_eq!(client.search(format, &body)[0].text, native.texts[77]);
        let lost = client.find(format, &native.texts[33]);
        assert!(lost.iter().all(|hit| hit.text != native.texts[33]));
        let file = client.find(format, &native.texts[0])[0].file.clone();
        let content = client.get(&format!("/v1/files/{file}/content")).text();
        assert!(content.starts_with(&format!("{}\n\n{}", native.texts[0], native.texts[1])));
    }
}

#[test]
fn indexes_of_other_kinds_give_their_vectors_back() {
    let native = Native::of(300, |builder| builder);
    let data = native.server.data();
    for factory in ["SQ8", "HNSW16,Flat", "IVF8,SQ8"] {
        let out = tempfile::tempdir().unwrap();
        let call = Cli::new().args(["export", "s", "--format", "faiss", "--factory", factory]);
        call.arg("--data")
            .arg(&data)
            .arg("--out")
            .arg(out.path())
            .run()
            .success();
        import(out.path(), &data, factory).success();
        let store = factory.replace(',', "%2C");
        assert_eq!(
            native.client.find(&store, &native.texts[42])[0].text,
            native.texts[42]
        );
    }
}

#[test]
fn what_does_not_fit_together_is_refused_with_what_to_do() {
    let native = Native::of(50, |builder| builder);
    let data = native.server.data();
    let out = tempfile::tempdir().unwrap();
    let missing = Cli::new().args([
        "export", "none", "--format", "faiss", "--out", "x", "--data",
    ]);
    assert!(missing.arg(&data).run().failure().contains("no such store"));
    let empty = import(out.path(), &data, "t").failure();
    assert!(
        empty.contains("index.pkl") && empty.contains("texts.jsonl"),
        "{empty}"
    );
    export(&data, "faiss", out.path()).success();
    let other = Cli::new()
        .arg("import")
        .arg(out.path())
        .args(["--store", "s", "--model", "another"]);
    let refused = other.arg("--data").arg(&data).run().failure();
    assert!(refused.contains("--model fake"), "{refused}");
    let texts = out.path().join("texts.jsonl");
    let lines = std::fs::read_to_string(&texts).unwrap();
    std::fs::write(&texts, lines.lines().skip(1).collect::<Vec<_>>().join("\n")).unwrap();
    let short = import(out.path(), &data, "t").failure();
    assert!(short.contains("50 rows, and there are 49 texts"), "{short}");
    std::fs::write(&texts, "{\"text\": 7}\n").unwrap();
    let wrong = import(out.path(), &data, "t").failure();
    assert!(wrong.contains("line 1"), "{wrong}");
    std::fs::remove_file(&texts).unwrap();
    // A pickle that would run a program.
    std::fs::write(
        out.path().join("index.pkl"),
        b"cos\nsystem\n(S'touch /tmp/x'\ntR.",
    )
    .unwrap();
    let hostile = import(out.path(), &data, "t").failure();
    assert!(hostile.contains("index.pkl"), "{hostile}");
    std::fs::write(out.path().join("index.faiss"), b"IxFInonsense").unwrap();
    std::fs::write(&texts, lines).unwrap();
    std::fs::remove_file(out.path().join("index.pkl")).unwrap();
    let damaged = import(out.path(), &data, "t").failure();
    assert!(damaged.contains("index.faiss"), "{damaged}");
    // Nothing of all this is there.
    let stores = native.client.list("/v1/vector_stores");
    assert_eq!(stores.len(), 1, "{stores:?}");
}
