//! Attacks by sending slowly.

use super::super::{ACCOMPLICE, ATTACKER, Attack, Crowd, Ground, Place, Stage, Tally, Work};
use crate::wait;

/// Uploads that stop in the middle, on all instances that a tenant gets.
pub const SLOW_BODIES: Attack = Attack {
    name: "slow-bodies",
    what: "40 uploads that stop in the middle",
    place: Place::Plain,
    work: Work::File,
    run: |ground, stage| slow_bodies(ground, stage, &[ATTACKER]),
};

/// The same by two tenants, who may have all instances between them.
pub const SLOW_BODIES_OF_TWO: Attack = Attack {
    name: "slow-bodies-of-two",
    what: "40 uploads of each of two tenants that stop in the middle",
    place: Place::Plain,
    work: Work::File,
    run: |ground, stage| slow_bodies(ground, stage, &[ATTACKER, ACCOMPLICE]),
};

/// More than one may have.
const OF_A_TENANT: usize = 40;

fn slow_bodies(ground: &Ground, stage: &Stage, tenants: &[&str]) -> Tally {
    let mut held = 0;
    let mut crowds = Vec::new();
    for tenant in tenants {
        let token = ground.token(tenant);
        let mut crowd = Crowd::connect(&ground.base(), OF_A_TENANT);
        crowd.send(|_| {
            format!(
                "POST /upload?store=slow HTTP/1.1\r\nhost: localhost\r\n\
                 authorization: Bearer {token}\r\ncontent-type: application/json\r\n\
                 content-length: 1000\r\n\r\n{{\"text\":\"half"
            )
            .into_bytes()
        });
        crowds.push(crowd);
        held = wait::until("a tenant to have instances", || {
            let now = ground.instances();
            (now >= held + 8).then_some(now)
        });
    }
    stage.under_way();
    stage.until_over();
    let mut tally = Tally::default();
    crowds
        .iter_mut()
        .for_each(|crowd| tally.merge(crowd.heard()));
    tally
}
