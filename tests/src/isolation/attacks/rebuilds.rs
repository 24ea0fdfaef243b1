//! Attacks by requests for rebuilds.

use serde_json::json;

use super::super::{Attack, Ground, Place, Stage, Tally, Work};
use super::again_and_again;
use crate::client::Payload;
use crate::rebuild::path;

/// Requests for indexes whose kind is written with a megabyte of spaces.
pub const REBUILD_SPACES: Attack = Attack {
    name: "rebuild-spaces",
    what: "4 callers ask for rebuilds of new stores, each with 1 MB of spaces behind the index's kind",
    place: Place::Plain,
    work: Work::File,
    run: rebuild_spaces,
};

/// Rebuilds of many small stores.
pub const REBUILD_QUEUE: Attack = Attack {
    name: "rebuild-queue",
    what: "rebuilds of 150 stores of one row, before the victim's",
    place: Place::Plain,
    work: Work::Rebuild,
    run: rebuild_queue,
};

fn rebuild_spaces(ground: &Ground, stage: &Stage) -> Tally {
    let factory = json!({"factory": "SQ8".to_owned() + &" ".repeat(1_048_000)}).to_string();
    again_and_again(
        stage,
        &ground.attacker(),
        4,
        |client, caller, step, tally| {
            let store = client.create_store(&format!("store-{caller}-{step}"));
            let payload = Payload::Bytes(factory.clone().into_bytes());
            let json = Some("application/json");
            tally.answer(&client.attempt("POST", &path(&store), json, payload));
        },
    )
}

fn rebuild_queue(ground: &Ground, stage: &Stage) -> Tally {
    let client = ground.attacker();
    let stores: Vec<String> = (0..stage.size(12, 150))
        .map(|n| format!("store{n}"))
        .collect();
    for store in &stores {
        client.upload(store, "a heron");
    }
    let ask = |store: &String| client.post_json(&path(store), &json!({"factory": "Flat"}));
    let mut tally = Tally::default();
    loop {
        stores
            .iter()
            .for_each(|store| tally.answer(&Ok(ask(store))));
        stage.under_way();
        stage.stand();
        if stage.is_over() {
            return tally;
        }
    }
}
