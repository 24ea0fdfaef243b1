//! Attacks by JSON.

use serde_json::json;

use super::super::{Attack, Ground, Place, Stage, Tally, Work};
use super::again_and_again;
use crate::Client;
use crate::client::Payload;

/// JSON that nests deeper than a stack is high.
pub const DEEP_JSON: Attack = Attack {
    name: "deep-json",
    what: "8 callers send filters nested 10,000 deep, and bodies, metadata and attributes 100,000 deep",
    place: Place::Plain,
    work: Work::File,
    run: deep_json,
};

/// Attributes beyond all bounds.
pub const ATTRIBUTE_BOMBS: Attack = Attack {
    name: "attribute-bombs",
    what: "8 callers send 100,000 attributes, keys of 1 MB, values of 4 MB and filters of 20,000 parts",
    place: Place::Plain,
    work: Work::File,
    run: attribute_bombs,
};

fn deep_json(ground: &Ground, stage: &Stage) -> Tally {
    const FILTERS: usize = 10_000;
    const DEEP: usize = 100_000;
    let client = ground.attacker();
    client.upload("s", "a heron");
    let and = r#"{"type":"and","filters":["#;
    let filter =
        and.repeat(FILTERS) + r#"{"type":"eq","key":"a","value":1}"# + &"]}".repeat(FILTERS);
    let lists = "[".repeat(DEEP) + &"]".repeat(DEEP);
    let objects = r#"{"a":"#.repeat(DEEP) + "1" + &"}".repeat(DEEP);
    let bodies = [
        (
            "/v1/vector_stores/s/search",
            format!(r#"{{"query":"heron","filters":{filter}}}"#),
        ),
        ("/v1/vector_stores/s/search", lists.clone()),
        (
            "/v1/vector_stores/s/search",
            format!(r#"{{"query":{lists}}}"#),
        ),
        ("/upload?store=s", format!(r#"{{"text":{lists}}}"#)),
        ("/upload?store=s", format!(r#"{{"other":{objects},"text":"#)),
        ("/v1/vector_stores", format!(r#"{{"metadata":{objects}}}"#)),
        (
            "/v1/vector_stores/s/files",
            format!(r#"{{"file_id":"file-1","attributes":{objects}}}"#),
        ),
        ("/v1/uploads", objects.clone()),
    ];
    send_all(stage, &client, &bodies)
}

fn attribute_bombs(ground: &Ground, stage: &Stage) -> Tally {
    const MANY: usize = 100_000;
    let client = ground.attacker();
    client.upload("s", "a heron");
    let file = client.upload_file("a.txt", b"a heron");
    let attach = "/v1/vector_stores/s/files";
    let many: serde_json::Map<_, _> = (0..MANY).map(|n| (format!("key{n}"), json!(n))).collect();
    let with = |attributes: serde_json::Value| {
        json!({"file_id": file, "attributes": attributes}).to_string()
    };
    let part = json!({"type": "eq", "key": "a", "value": "v".repeat(500)});
    let filter = json!({"type": "or", "filters": vec![part; 20_000]});
    let bodies = [
        (attach, with(many.clone().into())),
        (attach, with(json!({"k".repeat(1_000_000): 1}))),
        (attach, with(json!({"a": "v".repeat(4_000_000)}))),
        (
            attach,
            format!(r#"{{"file_id":"{file}","attributes":{{"a":1e999}}}}"#),
        ),
        ("/v1/vector_stores", json!({"metadata": many}).to_string()),
        (
            "/v1/vector_stores",
            json!({"name": "n".repeat(4_000_000)}).to_string(),
        ),
        (
            "/v1/vector_stores/s/search",
            json!({"query": "heron", "filters": filter}).to_string(),
        ),
        (
            "/v1/vector_stores/s/search",
            json!({"query": vec!["heron"; 50_000]}).to_string(),
        ),
    ];
    send_all(stage, &client, &bodies)
}

fn send_all(stage: &Stage, client: &Client, bodies: &[(&str, String)]) -> Tally {
    again_and_again(
        stage,
        client,
        bodies.len(),
        |client, caller, step, tally| {
            let (path, body) = &bodies[(caller + step) % bodies.len()];
            let payload = Payload::Bytes(body.clone().into_bytes());
            tally.answer(&client.attempt("POST", path, Some("application/json"), payload));
        },
    )
}
