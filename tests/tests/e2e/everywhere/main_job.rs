//! Upload a document, search it.

use serde_json::json;

use crate::Setting;

const HERONS: &str = "Herons stand in shallow water and wait for fish.";
const GLACIERS: &str = "Glaciers carve valleys while they creep downhill.";

#[test]
fn a_file_attached_to_a_store_is_found_by_its_words() {
    let setting = Setting::new();
    let client = &setting.client;
    let store = client.create_store("nature");
    let herons = client.ingest(&store, "herons.txt", HERONS, &json!({}));
    client.ingest(&store, "glaciers.txt", GLACIERS, &json!({}));

    let hits = client.find(&store, "herons wait for fish");
    assert_eq!(hits.len(), 2);
    assert_eq!(hits[0].file, herons);
    assert_eq!(hits[0].filename, "herons.txt");
    assert_eq!(hits[0].text, HERONS);
    assert!(hits[0].score > hits[1].score);
}

#[test]
fn an_attachment_answers_in_progress_and_goes_on_after_the_response() {
    let setting = Setting::new();
    let client = &setting.client;
    setting.embedder.hold();
    let store = client.create_store("nature");
    let file = client.upload_file("herons.txt", HERONS.as_bytes());

    let accepted = client.attach(&store, &file, &json!({}));
    assert_eq!(accepted["object"], "vector_store.file");
    assert_eq!(accepted["status"], "in_progress");
    let stored = client.get(&format!("/v1/vector_stores/{store}")).ok();
    assert_eq!(stored["file_counts"]["in_progress"], 1, "{stored}");
    assert_eq!(stored["status"], "in_progress", "{stored}");
    assert!(client.find(&store, "herons").is_empty());

    setting.embedder.release();
    client.completed(&store, &file);
    let stored = client.get(&format!("/v1/vector_stores/{store}")).ok();
    assert_eq!(
        stored["file_counts"],
        json!({"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1})
    );
    assert_eq!(stored["status"], "completed", "{stored}");
    assert_eq!(client.find(&store, "herons").len(), 1);
}

#[test]
fn the_original_upload_is_searchable_when_it_answers() {
    let setting = Setting::new();
    let client = &setting.client;
    client.upload("default", HERONS);
    let answer = client.post_json("/upload", &json!({"text": GLACIERS}));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.text(),
        "Success: Data uploaded and indexed successfully"
    );
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    let hits = client.find("default", "glaciers carve valleys");
    assert_eq!(hits[0].text, GLACIERS);
    assert_eq!(hits.len(), 2);
}

#[test]
fn a_document_of_many_chunks_is_found_at_every_place() {
    let setting = Setting::new();
    let client = &setting.client;
    let text = dayfly_tests::text::Prose::text(11, 300_000);
    let store = client.create_store("long");
    let file = client.ingest(&store, "long.txt", &text, &json!({}));
    for place in (0..10).map(|tenth| tenth * 30_000 + 1_000) {
        let passage = &text[place..place + 600];
        let best = &client.find(&store, passage)[0];
        assert_eq!(best.file, file);
        let start = usize::try_from(best.whole["chunk"]["start"].as_u64().unwrap()).unwrap();
        let end = usize::try_from(best.whole["chunk"]["end"].as_u64().unwrap()).unwrap();
        assert_eq!(&text[start..end], best.text);
        assert!(
            start < place + 600 && place < end,
            "the passage at {place} was looked for, {start}..{end} was found"
        );
    }
}
