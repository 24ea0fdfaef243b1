//! Attacks on the embedder.

use std::io::Write;

use serde_json::json;

use super::super::{ATTACKER, Attack, Crowd, Ground, Place, Stage, Tally, Work, connect, heard};
use super::again_and_again;
use crate::client::Payload;
use crate::text::Prose;

/// As many requests as have room in the embedder, by what they announce.
pub const IDLE_BODIES: Attack = Attack {
    name: "idle-bodies-8",
    what: "8 connections to /v1/embeddings that announce 8 MiB and send nothing",
    place: Place::Embedded,
    work: Work::File,
    run: |ground, stage| idle_bodies(ground, stage, 8),
};

/// The same, more than have room.
pub const FORTY_IDLE_BODIES: Attack = Attack {
    name: "idle-bodies-40",
    what: "40 connections to /v1/embeddings that announce 8 MiB and send nothing",
    place: Place::Embedded,
    work: Work::File,
    run: |ground, stage| idle_bodies(ground, stage, 40),
};

/// Answers of megabytes that nobody reads.
pub const UNREAD_ANSWERS: Attack = Attack {
    name: "unread-answers",
    what: "50 connections ask for 2,048 vectors each and read none",
    place: Place::Embedded,
    work: Work::File,
    run: unread_answers,
};

/// Long texts, which take the embedder's whole time.
pub const EMBEDDING_STORM: Attack = Attack {
    name: "embedding-storm",
    what: "16 requests for 32 vectors of long texts at once",
    place: Place::Embedded,
    work: Work::File,
    run: embedding_storm,
};

const MODEL: &str = "all-MiniLM-L6-v2";

fn head(token: &str, length: usize) -> String {
    format!(
        "POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn idle_bodies(ground: &Ground, stage: &Stage, count: usize) -> Tally {
    let head = head(&ground.read_token(ATTACKER), 8 << 20);
    let mut crowd = Crowd::connect(&ground.base(), count);
    crowd.send(|_| head.clone().into_bytes());
    stage.under_way();
    stage.until_over();
    crowd.heard()
}

fn unread_answers(ground: &Ground, stage: &Stage) -> Tally {
    // What the kernel keeps for a reader would hide what the server holds.
    const RECEIVED: usize = 4 << 10;
    let body = json!({"model": MODEL, "input": vec!["a"; stage.size(256, 2_048)]}).to_string();
    let request = head(&ground.read_token(ATTACKER), body.len()) + &body;
    let mut streams: Vec<_> = (0..stage.size(20, 50))
        .map(|_| {
            let mut stream = connect(&ground.base(), Some(RECEIVED));
            let _ = stream.write_all(request.as_bytes());
            stream
        })
        .collect();
    stage.under_way();
    stage.until_over();
    let mut tally = Tally::default();
    streams
        .iter_mut()
        .for_each(|stream| tally.add(heard(stream)));
    tally
}

fn embedding_storm(ground: &Ground, stage: &Stage) -> Tally {
    let texts: Vec<String> = (0..32).map(|seed| Prose::text(seed, 1_200)).collect();
    let texts = &texts[..stage.size(2, 32)];
    let body = json!({"model": MODEL, "input": texts}).to_string();
    let client = ground.attacker();
    again_and_again(stage, &client, 16, |client, _, _, tally| {
        let payload = Payload::Bytes(body.clone().into_bytes());
        let content_type = Some("application/json");
        tally.answer(&client.attempt("POST", "/v1/embeddings", content_type, payload));
    })
}
