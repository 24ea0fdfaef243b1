//! Attacks by much or slow ingestion.

use std::io::Cursor;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::super::{Attack, Ground, Place, Stage, Tally, Work};
use super::{PATIENCE, again_and_again};
use crate::client::Payload;
use crate::text::Prose;
use crate::{Client, wait};

/// More attachments than a queue holds.
pub const FILE_BATCHES: Attack = Attack {
    name: "file-batches",
    what: "requests that attach 500 files each, one after the other",
    place: Place::Plain,
    work: Work::File,
    run: file_batches,
};

/// As many long ingestions as there are workers.
pub const LARGE_FILES: Attack = Attack {
    name: "large-files",
    what: "two files of 10 MB are ingested",
    place: Place::Plain,
    work: Work::File,
    run: |ground, stage| {
        let bytes = 10_000_000;
        files(ground, stage, &Prose::text(3, bytes), &json!({}))
    },
};

/// Texts that a splitter takes minutes for, where its work grows with their square.
pub const PATHOLOGICAL_FILES: Attack = Attack {
    name: "pathological-files",
    what: "two files of 600,000 dots are ingested by chunks of tokens",
    place: Place::Plain,
    work: Work::File,
    run: |ground, stage| {
        let sizes = json!({"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400});
        let strategy = json!({"chunking_strategy": {"type": "static", "static": sizes}});
        files(ground, stage, &".".repeat(600_000), &strategy)
    },
};

fn file_batches(ground: &Ground, stage: &Stage) -> Tally {
    let client = ground.attacker();
    let count = stage.size(60, 500);
    let files: Vec<String> = (0..count)
        .map(|n| client.upload_file(&format!("{n}.txt"), format!("a tiny text {n}").as_bytes()))
        .collect();
    let body = json!({"file_ids": files}).to_string();
    let attach = |client: &Client, tally: &mut Tally| {
        let payload = Payload::Bytes(body.clone().into_bytes());
        let json = Some("application/json");
        tally.answer(&client.attempt("POST", "/v1/vector_stores", json, payload));
    };
    let mut tally = Tally::default();
    (0..3).for_each(|_| attach(&client, &mut tally));
    stage.under_way();
    stage.stand();
    if stage.is_over() {
        tally.add(still_in_progress(&client));
        return tally;
    }
    let more = again_and_again(stage, &client, 1, |client, _, _, tally| {
        attach(client, tally);
    });
    tally.merge(more);
    tally
}

/// `in_progress` where files of any store are.
fn still_in_progress(client: &Client) -> &'static str {
    let stores = client.list("/v1/vector_stores");
    let mut counts = stores
        .iter()
        .map(|store| &store["file_counts"]["in_progress"]);
    match counts.any(|count| *count != 0) {
        true => "in_progress",
        false => "all completed",
    }
}

/// Has two files ingested, again and again; what became of them.
fn files(ground: &Ground, stage: &Stage, text: &str, more: &Value) -> Tally {
    let client = ground.attacker().afresh(PATIENCE);
    let store = client.create_store("slow");
    let begun = Mutex::new(Vec::new());
    let attach = |n: usize| {
        let content = Cursor::new(text.to_owned().into_bytes());
        let file = client.upload_stream(&format!("{n}.txt"), content, text.len() as u64);
        client.attach(&store, &file, more);
        begun.lock().unwrap().push(file);
    };
    let state = |file: &String| {
        let state = client.get(&format!("/v1/vector_stores/{store}/files/{file}"));
        match state.status {
            200 => state.json()["status"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            status => status.to_string(),
        }
    };
    attach(0);
    attach(1);
    wait::until("both to be ingested", || {
        let ended = begun
            .lock()
            .unwrap()
            .iter()
            .any(|file| state(file) != "in_progress");
        (ended || ground.instances() >= 2).then_some(())
    });
    stage.under_way();
    let mut next = 2;
    while !stage.is_over() {
        let under_way = {
            let begun = begun.lock().unwrap();
            begun
                .iter()
                .filter(|file| state(file) == "in_progress")
                .count()
        };
        if under_way < 2 && stage.size(0, 1) == 1 {
            attach(next);
            next += 1;
        }
        stage.rest(std::time::Duration::from_millis(250));
    }
    let mut tally = Tally::default();
    begun
        .lock()
        .unwrap()
        .iter()
        .for_each(|file| tally.add(state(file)));
    tally
}
