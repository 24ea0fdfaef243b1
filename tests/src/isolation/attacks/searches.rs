//! Attacks by searches.

use serde_json::json;

use super::super::{ATTACKER, Attack, Crowd, Ground, Place, Stage, Tally, Work};
use super::{PATIENCE, again_and_again};
use crate::client::Payload;
use crate::text::Prose;

/// Searches of indexes that are all but sent, and then sent all at once: each waits for storage, which
/// needs a thread of the same pool.
pub const SLOW_BASE_SEARCHES: Attack = Attack {
    name: "slow-base-searches",
    what: "3,000 searches of an index, held back by a byte and then sent at once",
    place: Place::Plain,
    work: Work::File,
    run: slow_base_searches,
};

/// Searches that compute, with filters, more at once than a tenant may have instances.
pub const SEARCH_STORM: Attack = Attack {
    name: "search-storm",
    what: "64 searches with a filter at once",
    place: Place::Plain,
    work: Work::File,
    run: search_storm,
};

fn slow_base_searches(ground: &Ground, stage: &Stage) -> Tally {
    let token = ground.read_token(ATTACKER);
    let count = stage.size(700, 3_000);
    let body = |n: usize| json!({"version": n + 1_000, "query": [1.0], "k": 1}).to_string();
    let mut tally = Tally::default();
    loop {
        let mut crowd = Crowd::connect(&ground.base(), count);
        crowd.send(|n| {
            let body = body(n);
            let head = format!(
                "POST /v1/vector_stores/vs_x/bases/b/search HTTP/1.1\r\nhost: localhost\r\n\
                 authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            (head + &body[..body.len() - 1]).into_bytes()
        });
        stage.under_way();
        stage.stand();
        crowd.send(|_| b"}".to_vec());
        tally.merge(crowd.answers(PATIENCE));
        if stage.is_over() {
            return tally;
        }
    }
}

fn search_storm(ground: &Ground, stage: &Stage) -> Tally {
    const FILES: usize = 20;
    let client = ground.attacker();
    let store = client.create_store("storm");
    let bytes = stage.size(5_000, 50_000) as u64;
    for n in 0..FILES {
        let attributes = json!({"attributes": {"n": n, "name": format!("file{n}")}});
        let text = Prose::text(n as u64, bytes);
        client.ingest(&store, &format!("{n}.txt"), &text, &attributes);
    }
    let path = format!("/v1/vector_stores/{store}/search");
    let filters = json!({"type": "or", "filters": [
        {"type": "lt", "key": "n", "value": FILES / 2},
        {"type": "eq", "key": "name", "value": "file19"},
    ]});
    let body = json!({"query": "clordrimfles", "max_num_results": 50, "filters": filters});
    let body = body.to_string();
    again_and_again(stage, &client, 64, |client, _, _, tally| {
        let payload = Payload::Bytes(body.clone().into_bytes());
        tally.answer(&client.attempt("POST", &path, Some("application/json"), payload));
    })
}
