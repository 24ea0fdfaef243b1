//! One tenant attacks, and another does not notice: each attack is held open at its worst while the other
//! one is served, the server lives, and its memory stays where it was.

mod bodies;
mod connections;
mod embedder;
mod guests;
mod indexes;
mod ingestion;
mod json;
mod requests;
mod searches;

use dayfly_tests::isolation::{Attack, Ground, Scale, Stage, Tally, Victim};

const MIB: u64 = 1 << 20;

/// What came of an attack.
struct Attacked {
    /// What the attacker got.
    tally: Tally,
    /// How far the server's memory grew at its peak.
    grown: u64,
}

/// Attacks while another tenant is served, and serves that one once more when it is over.
fn attacked(attack: &Attack) -> Attacked {
    attacked_on(attack, &Ground::new(attack.place))
}

fn attacked_on(attack: &Attack, ground: &Ground) -> Attacked {
    let victim = Victim::settle(ground, attack.work, 2);
    victim.is_served();
    let before = ground.resident_bytes();
    let ((), tally) = Stage::new(Scale::Test).run(attack, ground, || {
        victim.is_served();
        victim.is_served();
    });
    let grown = ground.peak_bytes().saturating_sub(before);
    victim.is_served();
    Attacked { tally, grown }
}

impl Attacked {
    /// That memory grew by no more than that.
    #[track_caller]
    fn stays_within(&self, bytes: u64) {
        let grown = self.grown as f64 / MIB as f64;
        assert!(self.grown <= bytes, "grown by {grown:.0} MiB");
    }
}
