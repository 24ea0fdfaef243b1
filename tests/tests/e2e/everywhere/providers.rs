//! Embedding providers as they are: each does something that OpenAI's does not, and nobody notices.

use std::time::{Duration, Instant};

use dayfly_tests::target::Target;
use dayfly_tests::{Fault, Habit, wait};
use serde_json::{Value, json};

use crate::Setting;

const HOME: &str = "/v1/embeddings/";

/// Of many chunks, each with a word that no other has.
fn document(chunks: usize) -> String {
    let paragraph = |number: usize| {
        let filler = "the tide comes in over the flats and goes out again ".repeat(12);
        format!("heron{number:03} {filler} egret{number:03}\n\n")
    };
    (0..chunks).map(paragraph).collect()
}

/// A chunk for each paragraph.
fn chunked() -> Value {
    let sizes = json!({"max_chunk_size_chars": 800, "chunk_overlap_chars": 0});
    json!({"type": "characters", "characters": sizes})
}

fn embed(setting: &Setting, store: &str, text: &str) {
    let store = setting.client.create_store(store);
    let file = setting.client.upload_file("tide.txt", text.as_bytes());
    let asked = json!({"chunking_strategy": chunked()});
    setting.client.attach(&store, &file, &asked);
    setting.client.completed(&store, &file);
}

#[test]
fn what_a_provider_does_otherwise_is_taken_as_it_is() {
    for habits in [
        &[Habit::RefusesEncodingFormat][..],
        &[Habit::MostInputs(10)],
        &[Habit::MostBytes(500, 413)],
        &[Habit::MostBytes(500, 500)],
        &[Habit::LeavesOutZero],
        &[Habit::Compresses],
        &[Habit::Http10],
        &[Habit::LivesAt(HOME)],
        &[
            Habit::RefusesEncodingFormat,
            Habit::MostInputs(3),
            Habit::MostBytes(500, 400),
            Habit::Compresses,
        ],
    ] {
        let setting = Setting::new();
        setting.embedder.become_one_that(habits);
        embed(&setting, "tides", &document(24));
        for number in [0, 11, 23] {
            for bird in ["heron", "egret"] {
                let word = format!("{bird}{number:03}");
                let hits = setting.client.find("tides", &word);
                assert!(hits[0].text.contains(&word), "{habits:?}: {word}: {hits:?}");
            }
        }
    }
}

#[test]
fn what_a_provider_refuses_is_not_asked_of_it_again() {
    if Target::of_this_run() == Target::Composed {
        println!("skipped: nothing outlives a request on these hosts, so each learns for itself");
        return;
    }
    let setting = Setting::new();
    let habits = [Habit::RefusesEncodingFormat, Habit::MostInputs(10)];
    setting.embedder.become_one_that(&habits);
    embed(&setting, "first", &document(24));
    let before = setting.embedder.seen().len();
    embed(&setting, "second", &document(24));
    let since = setting.embedder.seen().split_off(before);
    assert_eq!(since.len(), 3, "{since:?}");
    for request in since {
        assert_eq!(request.encoding_format, None);
        assert!(request.inputs <= 10);
    }
}

#[test]
fn the_document_that_a_provider_dislikes_is_at_fault_and_no_other() {
    let setting = Setting::new();
    setting
        .embedder
        .become_one_that(&[Habit::Dislikes("egret007")]);
    let store = setting.client.create_store("tides");
    let file = setting
        .client
        .upload_file("tide.txt", document(24).as_bytes());
    setting
        .client
        .attach(&store, &file, &json!({"chunking_strategy": chunked()}));
    let (code, message) = setting.client.failed(&store, &file);
    assert_eq!(code, "invalid_file", "{message}");
    assert!(message.contains("against our rules"), "{message}");
    embed(&setting, "others", &document(3));
}

#[test]
fn who_says_that_all_is_well_and_why_it_is_not_is_quoted() {
    let setting = Setting::new();
    let habit = Habit::SaysItIsWell("the deployment is being moved");
    setting.embedder.become_one_that(&[habit]);
    let store = setting.client.create_store("tides");
    let file = setting
        .client
        .upload_file("tide.txt", b"herons wait for fish");
    setting.client.attach(&store, &file, &json!({}));
    let (code, message) = setting.client.failed(&store, &file);
    assert_eq!(code, "embedder_protocol", "{message}");
    assert!(
        message.contains("the deployment is being moved"),
        "{message}"
    );
}

#[test]
fn a_file_waits_in_the_queue_for_a_provider_that_is_away() {
    let setting = Setting::with(|builder| builder.option("--embed-deadline-ms", 200));
    setting
        .embedder
        .fail_always(Some(Fault::Status(503, Some(1))));
    let store = setting.client.create_store("tides");
    let file = setting
        .client
        .upload_file("tide.txt", b"herons wait for fish");
    setting.client.attach(&store, &file, &json!({}));
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    let state = || setting.client.get(&path).ok()["status"].clone();
    // Longer than any attempt: more of them came to nothing.
    wait::until("some attempts", || {
        state();
        (setting.embedder.requests() >= 3).then_some(())
    });
    assert_eq!(state(), "in_progress");
    setting.embedder.fail_always(None);
    setting.client.completed(&store, &file);
    assert_eq!(setting.client.find("tides", "herons").len(), 1);
}

#[test]
fn a_search_that_is_told_to_wait_for_long_says_so_at_once() {
    let setting = Setting::new();
    setting.client.upload("default", "herons wait for fish");
    let wait = Fault::Status(429, Some(3_600));
    setting.embedder.fail_always(Some(wait));
    let begun = Instant::now();
    let answer = setting
        .client
        .post_search("default", &json!({"query": "herons"}));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(answer.header("retry-after"), Some("3600"));
    assert_eq!(
        answer.error(503).code.as_deref(),
        Some("embedder_unavailable")
    );
}
