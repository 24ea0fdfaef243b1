//! Attacks of one tenant on all others, for tests and the benchmark alike.
//!
//! An attack is a function that sets its requests up, says when it is [under way](Stage::under_way), and
//! goes on until it is [over](Stage::is_over). A test looks at another tenant meanwhile; the benchmark
//! measures what that one feels.

pub mod attacks;
mod crowd;
mod ground;
mod stage;
mod tally;
mod victim;

pub use crowd::{Crowd, connect, heard};
pub use ground::{Ground, Place};
pub use stage::{Scale, Stage};
pub use tally::Tally;
pub use victim::{Victim, Work};

/// Who attacks.
pub const ATTACKER: &str = "attacker";
/// Who helps.
pub const ACCOMPLICE: &str = "accomplice";
/// Who should not notice.
pub const VICTIM: &str = "victim";

/// One kind of attack.
pub struct Attack {
    /// By which it is chosen.
    pub name: &'static str,
    /// What it does, for the table's reader.
    pub what: &'static str,
    /// The server that it is on.
    pub place: Place,
    /// What the victim waits for beside its searches and uploads.
    pub work: Work,
    /// Does it until it is over; tells what the attackers got.
    pub run: fn(&Ground, &Stage) -> Tally,
}
