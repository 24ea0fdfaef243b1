//! Attacks by many stores.

use serde_json::json;

use super::super::{Attack, Ground, Place, Stage, Tally, Work};
use super::again_and_again;
use crate::client::Payload;

/// Stores without end.
pub const MANY_STORES: Attack = Attack {
    name: "many-stores",
    what: "16 callers make stores, as many as they can",
    place: Place::Plain,
    work: Work::File,
    run: many_stores,
};

fn many_stores(ground: &Ground, stage: &Stage) -> Tally {
    again_and_again(
        stage,
        &ground.attacker(),
        16,
        |client, caller, step, tally| {
            let body = json!({"name": format!("store-{caller}-{step}")}).to_string();
            let payload = Payload::Bytes(body.into_bytes());
            let json = Some("application/json");
            tally.answer(&client.attempt("POST", "/v1/vector_stores", json, payload));
        },
    )
}
