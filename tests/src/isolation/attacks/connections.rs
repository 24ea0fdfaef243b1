//! Attacks by connections.

use super::super::{Attack, Crowd, Ground, Place, Stage, Tally, Work};

/// As many connections as a server has, of one address.
pub const ONE_PEER: Attack = Attack {
    name: "one-peer",
    what: "4,096 idle connections from one address",
    place: Place::Plain,
    work: Work::File,
    run: one_peer,
};

/// More connections than a server has, of several addresses.
pub const TEN_THOUSAND: Attack = Attack {
    name: "ten-thousand",
    what: "10,000 connections from five addresses, half of them within a header",
    place: Place::Plain,
    work: Work::File,
    run: ten_thousand,
};

fn one_peer(ground: &Ground, stage: &Stage) -> Tally {
    let mut crowd = Crowd::of_one_address(&ground.base(), stage.size(2_060, 4_096));
    stage.under_way();
    stage.until_over();
    crowd.heard()
}

fn ten_thousand(ground: &Ground, stage: &Stage) -> Tally {
    let mut crowd = Crowd::connect(&ground.base(), stage.size(5_000, 10_000));
    crowd.send(|n| match n % 2 {
        0 => Vec::new(),
        _ => b"GET /healthz HTTP/1.1\r\nhost: loc".to_vec(),
    });
    stage.under_way();
    stage.until_over();
    crowd.heard()
}
