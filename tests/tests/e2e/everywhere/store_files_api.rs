//! `/v1/vector_stores/{id}/files`.

use dayfly_tests::text::Prose;
use dayfly_tests::wait;
use serde_json::{Value, json};

use crate::Setting;

#[test]
fn an_attached_file_has_openais_shape() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let id = client.upload_file("a.txt", b"some text");
    client.attach(
        &store,
        &id,
        &json!({"attributes": {"year": 2024, "draft": true, "by": "ann"}}),
    );
    let file = client.completed(&store, &id);
    assert_eq!(file["id"], json!(id));
    assert_eq!(file["object"], "vector_store.file");
    assert_eq!(file["vector_store_id"], json!(store));
    assert_eq!(
        file["attributes"],
        json!({"year": 2024, "draft": true, "by": "ann"})
    );
    assert!(file["usage_bytes"].as_u64().unwrap() > 0);
    assert!(file["chunking_strategy"]["type"].is_string(), "{file}");
}

#[test]
fn attached_files_are_listed_by_status_and_in_pages() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let mut good: Vec<String> = (0..5)
        .map(|n| {
            client.ingest(
                &store,
                &format!("{n}.txt"),
                &format!("text {n}"),
                &json!({}),
            )
        })
        .collect();
    let bad = client.upload_file("bad.txt", b"   \n\t  ");
    client.attach(&store, &bad, &json!({}));
    client.failed(&store, &bad);

    let path = format!("/v1/vector_stores/{store}/files");
    assert_eq!(client.ids(&path).len(), 6);
    assert_eq!(client.ids(&format!("{path}?filter=failed")), [bad]);
    assert_eq!(
        client.ids(&format!("{path}?filter=completed&order=asc")),
        good
    );
    good.reverse();
    assert_eq!(client.ids(&format!("{path}?filter=completed")), good);
    let first = client.ids(&format!("{path}?filter=completed&limit=2"));
    assert_eq!(first, good[..2]);
    let next = format!("{path}?filter=completed&limit=2&after={}", first[1]);
    assert_eq!(client.ids(&next), good[2..4]);
    assert!(client.ids(&format!("{path}?filter=in_progress")).is_empty());
    let counts = json!({"in_progress": 0, "completed": 5, "failed": 1, "cancelled": 0, "total": 6});
    // One that has failed counts as under way until its worker has cleared up after it.
    wait::until("what failed to be counted so", || {
        let store = client.get(&format!("/v1/vector_stores/{store}")).ok();
        (store["file_counts"] == counts).then_some(())
    });
}

#[test]
fn attributes_are_replaced_and_searched_by_at_once() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.ingest(
        &store,
        "a.txt",
        "some text",
        &json!({"attributes": {"a": 1}}),
    );
    let updated = client
        .post_json(
            &format!("/v1/vector_stores/{store}/files/{file}"),
            &json!({"attributes": {"b": "two"}}),
        )
        .ok();
    assert_eq!(updated["attributes"], json!({"b": "two"}));
    let by = |filter: Value| client.search(&store, &json!({"query": "text", "filters": filter}));
    assert_eq!(
        by(json!({"type": "eq", "key": "b", "value": "two"})).len(),
        1
    );
    assert!(by(json!({"type": "eq", "key": "a", "value": 1})).is_empty());
    assert_eq!(
        client.find(&store, "text")[0].whole["attributes"],
        json!({"b": "two"})
    );
}

#[test]
fn attributes_beyond_openais_limits_are_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.upload_file("a.txt", b"some text");
    let many: serde_json::Map<String, Value> =
        (0..17).map(|n| (format!("k{n}"), json!(n))).collect();
    for attributes in [
        Value::Object(many),
        json!({"k".repeat(65): 1}),
        json!({"k": "v".repeat(513)}),
        json!({"k": ["a"]}),
        json!({"k": {"a": 1}}),
    ] {
        let body = json!({"file_id": file, "attributes": attributes});
        let path = format!("/v1/vector_stores/{store}/files");
        client.post_json(&path, &body).error(400);
    }
    assert!(
        client
            .ids(&format!("/v1/vector_stores/{store}/files"))
            .is_empty()
    );
}

#[test]
fn a_detached_file_is_found_no_more_and_stays_a_file() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let gone = client.ingest(&store, "a.txt", "heron one", &json!({}));
    let kept = client.ingest(&store, "b.txt", "heron two", &json!({}));
    let path = format!("/v1/vector_stores/{store}/files/{gone}");
    assert_eq!(
        client.delete(&path).ok(),
        json!({"id": gone, "object": "vector_store.file.deleted", "deleted": true})
    );
    client.get(&path).error(404);
    client.delete(&path).error(404);
    let hits = client.find(&store, "heron one");
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].file, kept);
    client.get(&format!("/v1/files/{gone}")).ok();
}

#[test]
fn a_file_may_be_detached_while_it_is_ingested() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.upload_file("a.txt", b"heron one");
    setting.embedder.hold();
    client.attach(&store, &file, &json!({}));
    dayfly_tests::wait::until("the provider to be asked", || {
        (setting.embedder.in_flight() > 0).then_some(())
    });
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    client.delete(&path).ok();
    setting.embedder.release();
    // A second file goes through the same queue, behind the first.
    client.ingest(&store, "b.txt", "heron two", &json!({}));
    setting.server.wait_until_idle();
    client.get(&path).error(404);
    assert!(
        client
            .find(&store, "heron")
            .iter()
            .all(|hit| hit.file != file)
    );
}

#[test]
fn the_content_of_a_file_is_its_text_whole() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let text = format!("\"\\\t{}", Prose::text(3, 5_000_000).replace("ba", "ä"));
    let file = client.ingest(&store, "a.txt", &format!("\u{feff}{text}"), &json!({}));
    let path = format!("/v1/vector_stores/{store}/files/{file}/content");
    let page = client.get(&path).ok();
    assert_eq!(page["object"], "vector_store.file_content.page");
    assert_eq!(page["has_more"], false);
    assert_eq!(page["next_page"], Value::Null);
    let parts = page["data"].as_array().unwrap();
    assert!(parts.iter().all(|part| part["type"] == "text"));
    let pieces = parts.iter().map(|part| part["text"].as_str().unwrap());
    let whole: String = pieces.collect();
    assert!(
        whole == text,
        "{} of {} bytes, or others",
        whole.len(),
        text.len()
    );
}

#[test]
fn a_place_is_that_in_the_file_also_behind_a_byte_order_mark() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let text = format!("\u{feff}{} The heron waits. ", Prose::text(7, 3_000));
    let file = client.ingest(&store, "a.txt", &text, &json!({}));
    let content = client.get(&format!("/v1/files/{file}/content")).body;
    for hit in client.find(&store, "heron") {
        let place = |field: &str| hit.whole["chunk"][field].as_u64().unwrap() as usize;
        assert_eq!(content[place("start")..place("end")], *hit.text.as_bytes());
    }
}

#[test]
fn chunks_are_as_large_as_the_strategy_says() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let text = Prose::text(5, 60_000);
    let chunks = |strategy: Value| {
        let before = setting.embedder.seen().len();
        let more = if strategy.is_null() {
            json!({})
        } else {
            json!({"chunking_strategy": strategy})
        };
        client.ingest(&store, "a.txt", &text, &more);
        let seen = setting.embedder.seen().split_off(before);
        let mut texts: Vec<String> = seen.into_iter().flat_map(|request| request.texts).collect();
        texts.sort();
        texts
    };
    let longest = |chunks: &[String]| {
        chunks
            .iter()
            .map(|chunk| chunk.chars().count())
            .max()
            .unwrap()
    };

    let auto = chunks(Value::Null);
    assert!(
        longest(&auto) <= 1000 && longest(&auto) > 700,
        "{}",
        longest(&auto)
    );
    assert!((60..=90).contains(&auto.len()), "{} chunks", auto.len());
    let explicit = chunks(json!({"type": "auto"}));
    assert_eq!(explicit, auto);
    let short = chunks(
        json!({"type": "characters", "characters": {"max_chunk_size_chars": 200, "chunk_overlap_chars": 0}}),
    );
    assert!(
        longest(&short) <= 200 && short.len() >= 300,
        "{} of {}",
        short.len(),
        longest(&short)
    );
    let tokens = chunks(
        json!({"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 20}}),
    );
    assert!(tokens.len() > auto.len(), "{}", tokens.len());
    let large = chunks(
        json!({"type": "static", "static": {"max_chunk_size_tokens": 4096, "chunk_overlap_tokens": 0}}),
    );
    assert!(large.len() < auto.len(), "{}", large.len());
}

#[test]
fn a_strategy_out_of_range_is_refused() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.upload_file("a.txt", b"some text");
    for strategy in [
        json!({"type": "static", "static": {"max_chunk_size_tokens": 99, "chunk_overlap_tokens": 0}}),
        json!({"type": "static", "static": {"max_chunk_size_tokens": 4097, "chunk_overlap_tokens": 0}}),
        json!({"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 51}}),
        json!({"type": "static"}),
        json!({"type": "unknown"}),
        json!({"type": "characters", "characters": {"max_chunk_size_chars": 100, "chunk_overlap_chars": 100}}),
        json!({"type": "characters", "characters": {"max_chunk_size_chars": 0, "chunk_overlap_chars": 0}}),
        json!("auto"),
    ] {
        let body = json!({"file_id": file, "chunking_strategy": strategy});
        client
            .post_json(&format!("/v1/vector_stores/{store}/files"), &body)
            .error(400);
    }
}

#[test]
fn attaching_a_file_again_replaces_it() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.ingest(
        &store,
        "a.txt",
        "some text",
        &json!({"attributes": {"n": 1}}),
    );
    client.attach(&store, &file, &json!({"attributes": {"n": 2}}));
    dayfly_tests::wait::until("the second attachment to end", || {
        let now = client.completed(&store, &file);
        (now["attributes"] == json!({"n": 2})).then_some(())
    });
    let hits = client.find(&store, "some text");
    assert_eq!(hits.len(), 1, "{hits:?}");
    let counts = client.get(&format!("/v1/vector_stores/{store}")).ok()["file_counts"].clone();
    assert_eq!(counts["total"], 1);
}

#[test]
fn the_same_file_may_be_in_many_stores() {
    let setting = Setting::new();
    let client = &setting.client;
    let file = client.upload_file("a.txt", b"a shared text");
    for name in ["one", "two"] {
        let store = client.create_store(name);
        client.attach(&store, &file, &json!({}));
        client.completed(&store, &file);
        assert_eq!(client.find(&store, "shared")[0].file, file);
    }
}

#[test]
fn markdown_is_split_at_its_headings() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let section = |name: &str| {
        format!(
            "# {name}\n\n{}\n\n",
            Prose::text(name.len() as u64, 700).trim()
        )
    };
    let text = section("Herons") + &section("Glaciers!") + &section("Lighthouses");
    client.ingest(&store, "a.md", &text, &json!({}));
    let parts: Vec<String> = setting
        .embedder
        .seen()
        .into_iter()
        .flat_map(|request| request.texts)
        .collect();
    for name in ["# Herons", "# Glaciers!", "# Lighthouses"] {
        let begins = parts.iter().any(|part| part.starts_with(name));
        assert!(begins, "no chunk begins with {name}: {parts:?}");
    }
}

#[test]
fn processing_again_what_is_done_changes_nothing() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("s");
    let file = client.ingest(&store, "a.txt", "some text", &json!({}));
    let answer = client.request(
        "POST",
        &format!("/v1/vector_stores/{store}/files/{file}/process"),
        None,
        dayfly_tests::client::Payload::Empty,
    );
    assert_eq!(answer.ok()["status"], "completed");
    assert_eq!(client.find(&store, "some text").len(), 1);
}
