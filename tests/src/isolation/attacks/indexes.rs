//! Attacks by crafted indexes.

use serde_json::json;

use super::super::{ATTACKER, Attack, Ground, Place, Stage, Tally, Work};
use super::again_and_again;
use crate::client::Payload;
use crate::rebuild::{folder_of, import_of, misguide, rebuild};
use crate::topics::Topics;

/// An index whose graph leads outside, which a manifest names as its own: a search of it kills the
/// process that searches.
pub const DEADLY_INDEX: Attack = Attack {
    name: "deadly-index",
    what: "16 callers search an index that kills the process of all searches",
    place: Place::Plain,
    work: Work::File,
    run: deadly_index,
};

/// More than are simply all looked at.
const ROWS: usize = 10_500;

fn deadly_index(ground: &Ground, stage: &Stage) -> Tally {
    let topics = Topics::new(7, 40);
    let texts: Vec<String> = (0..ROWS as u64).map(|n| topics.text(n, 8)).collect();
    let folder = tempfile::tempdir().unwrap();
    folder_of(folder.path(), &texts, 100);
    import_of(folder.path(), &ground.server.data(), ATTACKER, "s");
    let client = ground.attacker();
    let state = rebuild(&client, "s", &json!({"factory": "HNSW16,Flat"}));
    assert_eq!(state["status"], "idle", "{state}");
    misguide(&ground.server, ATTACKER, ROWS);
    let body = json!({"query": texts[3], "max_num_results": 10}).to_string();
    again_and_again(stage, &client, 16, |client, _, _, tally| {
        let payload = Payload::Bytes(body.clone().into_bytes());
        let json = Some("application/json");
        tally.answer(&client.attempt("POST", "/v1/vector_stores/s/search", json, payload));
    })
}
