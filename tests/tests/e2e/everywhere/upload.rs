//! `POST /upload`, the original handler's interface.

use dayfly_tests::text::Prose;
use serde_json::json;

use crate::Setting;

#[test]
fn no_text_is_answered_as_the_original_did() {
    let setting = Setting::new();
    for body in [
        json!({}),
        json!({"text": ""}),
        json!({"text": " \n\t\u{a0}"}),
        json!({"other": 1}),
    ] {
        let answer = setting.client.post_upload("default", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(
            answer.text().contains("Error: No text provided"),
            "{}",
            answer.text()
        );
    }
    // Nothing was made on the way.
    assert!(setting.client.ids("/v1/vector_stores").is_empty());
    assert!(setting.client.ids("/v1/files").is_empty());
}

#[test]
fn a_text_of_another_type_is_refused() {
    let setting = Setting::new();
    for text in [json!(1), json!(["a"]), json!({"a": 1}), json!(true)] {
        let answer = setting
            .client
            .post_upload("default", &json!({"text": text}));
        assert_eq!(answer.status, 400, "{text}: {}", answer.text());
    }
    assert!(setting.client.ids("/v1/vector_stores").is_empty());
}

#[test]
fn every_character_that_json_can_carry_arrives() {
    let setting = Setting::new();
    let client = &setting.client;
    let text = "quote \" backslash \\ slash / tab\tline\nreturn\r nul-like \u{1} π ≈ \u{1f980} end";
    client.upload("escapes", text);
    assert_eq!(client.find("escapes", "quote backslash")[0].text, text);
    // Written with escapes, surrogate pairs among them.
    let body = r#"{"before":{"text":"not this"},"text":"crab \ud83e\udd80 \u00e9t\u00e9 \/ \"q\"","after":[1,2]}"#;
    let answer = client.post("/upload?store=escapes", "application/json", body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let hits = client.find("escapes", "crab été");
    assert_eq!(hits[0].text, "crab \u{1f980} été / \"q\"");
}

#[test]
fn half_a_surrogate_pair_is_refused() {
    let setting = Setting::new();
    let body = r#"{"text":"half \ud83e of it"}"#;
    let answer = setting.client.post("/upload", "application/json", body);
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[test]
fn json_that_breaks_off_after_the_text_indexes_nothing() {
    let setting = Setting::new();
    let client = &setting.client;
    let text = Prose::text(1, 200_000);
    let body = json!({"text": text}).to_string();
    for cut in [body.len() - 1, body.len() / 2] {
        let answer = client.post("/upload", "application/json", &body.as_bytes()[..cut]);
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    let garbage = format!("{body} and more");
    let answer = client.post("/upload", "application/json", garbage);
    assert_eq!(answer.status, 400, "{}", answer.text());
    let search = client.post_search("default", &json!({"query": "anything"}));
    let nothing = search.status == 404 || search.ok()["data"] == json!([]);
    assert!(nothing, "{}", search.text());
    assert!(client.ids("/v1/files").is_empty());
    let mut left = setting.server.stored();
    left.retain(|key| key.starts_with("default/files/"));
    assert!(
        left.is_empty(),
        "refused uploads take space for ever: {left:?}"
    );
}

#[test]
fn an_upload_becomes_a_file_of_its_store() {
    let setting = Setting::new();
    let client = &setting.client;
    client.upload("notes", "one text");
    client.upload("notes", "another text");
    let store = client.get("/v1/vector_stores/notes").ok();
    assert_eq!(store["name"], "notes");
    assert_eq!(store["file_counts"]["completed"], 2);
    let id = store["id"].as_str().unwrap();
    assert_eq!(client.find(id, "another text")[0].text, "another text");
    assert_eq!(client.ids("/v1/vector_stores/notes/files").len(), 2);
}

#[test]
fn stores_of_different_names_are_different() {
    let setting = Setting::new();
    let client = &setting.client;
    for name in ["a", "A", "a%20b", "%C3%A9t%C3%A9"] {
        client.upload(name, &format!("text of {name}"));
    }
    for name in ["a", "A", "a%20b", "%C3%A9t%C3%A9"] {
        let hits = client.find(name, "text");
        assert_eq!(hits.len(), 1, "{name}");
        assert_eq!(hits[0].text, format!("text of {name}"));
    }
    let stores = client.list("/v1/vector_stores");
    let mut names: Vec<&str> = stores
        .iter()
        .map(|store| store["name"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["A", "a", "a b", "été"]);
}

#[test]
fn a_text_longer_than_any_window_is_whole() {
    let setting = Setting::new();
    let client = &setting.client;
    let text = Prose::text(9, 2_000_000);
    client.upload("long", &text);
    for place in [0, 65_000, 131_000, 999_000, 1_999_000] {
        let best = &client.find("long", &text[place..place + 800])[0];
        let start = best.whole["chunk"]["start"].as_u64().unwrap();
        let end = best.whole["chunk"]["end"].as_u64().unwrap();
        let place = place as u64;
        assert!(
            start < place + 800 && place < end,
            "at {place}: {start}..{end}"
        );
    }
}
