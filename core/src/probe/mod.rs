//! Whether a storage can be trusted with data: what stores are built on is tried out.
//!
//! A storage that ignores conditional writes, or lists late, loses acknowledged data without a word.
//! So whoever is about to write to one probes it first, and refuses it by [`ProbeError`]'s words.

mod contest;
mod error;
mod marker;
mod steps;
#[cfg(test)]
mod tests;

pub use contest::Contest;
pub use error::ProbeError;
pub use marker::{ensure, marker_key};

use crate::objects::Objects;
use crate::platform::Clock;
use steps::Trial;

/// Where probes leave their objects for a moment, below a folder that is no tenant's.
pub const FOLDER: &str = "probe/";
/// A clock that differs by more is worth a warning.
const SKEW_MS: u64 = 60_000;

/// What is tried out, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// There is a storage, and it lists.
    Reach,
    /// Of two writes that create an object, the second is told that it exists.
    Create,
    /// What was written is read back, at once and as the first one wrote it.
    Read,
    /// Of several that create an object at the same moment, exactly one does.
    Contest,
    /// Listings show what was written, by key, and resume.
    List,
    /// What was deleted is gone.
    Delete,
}

impl Check {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [
        Self::Reach,
        Self::Create,
        Self::Read,
        Self::Contest,
        Self::List,
        Self::Delete,
    ];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reach => "reachable",
            Self::Create => "conditional writes",
            Self::Read => "reading back",
            Self::Contest => "writers at once",
            Self::List => "listing order",
            Self::Delete => "deletion",
        }
    }
}

/// What a storage that can be trusted showed beside that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// By how many milliseconds the clock here is ahead of the storage's; negative where behind.
    pub clock_ahead_ms: i64,
}

impl Report {
    /// What its operator should know, though it is no reason to refuse.
    pub fn warning(&self) -> Option<String> {
        let ahead = self.clock_ahead_ms;
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        (ahead.unsigned_abs() > SKEW_MS).then(|| {
            format!(
                "the clock here is {} seconds {side} the storage's: set one of them right, or what \
                 expires by time expires early or late",
                ahead.unsigned_abs() / 1_000
            )
        })
    }
}

/// Tries a storage out, below [`FOLDER`], and tells `passed` of each check as it succeeds. Leaves
/// nothing behind; what probes that were killed left more than an hour ago is removed.
///
/// # Errors
/// The first check that failed, in words for the operator.
pub fn probe(
    objects: &dyn Objects,
    contest: &dyn Contest,
    clock: &dyn Clock,
    passed: &mut dyn FnMut(Check),
) -> Result<Report, ProbeError> {
    let trial = Trial::new(objects, contest, clock);
    let tried = trial.run(passed);
    if tried.is_err() {
        trial.give_up();
    }
    tried
}
