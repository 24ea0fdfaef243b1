//! Attacks from within a guest.

use super::super::{Attack, Ground, Place, Stage, Tally, Work};
use super::again_and_again;
use crate::client::Payload;

/// Guests that do all that a guest must not.
pub const HOSTILE_GUESTS: Attack = Attack {
    name: "hostile-guests",
    what: "12 guests at once trap, fill memory, compute, sleep, recur, make handles, talk, go on after their answer",
    place: Place::Hostile,
    work: Work::None,
    run: hostile_guests,
};

/// What the guest tries, by the last segment of its path.
const ATTEMPTS: [&str; 11] = [
    "memory", "trap", "spin", "recur", "handles", "broken", "late", "exit", "log", "sleep",
    "memory",
];

fn hostile_guests(ground: &Ground, stage: &Stage) -> Tally {
    let callers = ATTEMPTS.len() + 1;
    again_and_again(
        stage,
        &ground.attacker(),
        callers,
        |client, caller, step, tally| {
            let attempt = ATTEMPTS[(caller + step) % ATTEMPTS.len()];
            let path = format!("/v1/files/{attempt}");
            tally.answer(&client.attempt("GET", &path, None, Payload::Empty));
        },
    )
}
