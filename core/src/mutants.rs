//! Broken variants of this crate, which the simulation must catch.
//!
//! A place that keeps a promise asks [`active`] whether to break it. Without the feature
//! `mutants`, which no product turns on, the answer is a constant and the question costs nothing.

use std::str::FromStr;

/// Whether this build can break itself.
pub const AVAILABLE: bool = cfg!(feature = "mutants");

macro_rules! mutants {
    ($($(#[$doc:meta])+ $name:ident => $word:literal,)+) => {
        /// A way to be broken, named by what is forgotten.
        #[non_exhaustive]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Mutant {
            $($(#[$doc])+ $name,)+
        }

        impl Mutant {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name on a command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }
        }
    };
}

mutants! {
    /// A version counts as long as its predecessor's number exists.
    PruneByNumberOnly => "prune-by-number-only",
    /// A version counts as long as its predecessor exists with the nonce that was read.
    PredecessorByNonce => "predecessor-by-nonce",
    /// A version counts as soon as its successor names it, whether or not the newest descends from it.
    SuccessorByNonce => "successor-by-nonce",
    /// What a version holds that was read by number is taken for done, though the number may have
    /// been freed and taken again after it was the newest.
    TrustOldVersion => "trust-old-version",
    /// A store that is made again uses the keys of the one that was deleted.
    SharedIncarnation => "shared-incarnation",
    /// Records of ingestions are named by their file alone.
    RecordByFileOnly => "record-by-file-only",
    /// What is deleted is removed before a record of the deletion exists.
    DeleteBeforeRecording => "delete-before-recording",
    /// Garbage is removed at once, under the readers that began before.
    NoGrace => "no-grace",
    /// A commit whose fate is unknown is applied again.
    ApplyTwice => "apply-twice",
    /// An ingestion may commit though it was ended.
    CommitAfterEnd => "commit-after-end",
    /// A compaction or rebuild commits though a later one has begun.
    NoFence => "no-fence",
    /// Rows that died during a compaction or rebuild live in its result.
    ReviveRows => "revive-rows",
    /// Newer entries of files keep the places that a compaction or rebuild moved their rows from.
    StalePlaces => "stale-places",
    /// A listing reads the manifest before the records of what is not ended.
    ManifestBeforeQueue => "manifest-before-queue",
    /// A failure is told however late it is noted: nobody who has taken its place by then can dismiss it.
    LateFailure => "late-failure",
    /// Nobody looks for what belongs to nothing.
    NoScrub => "no-scrub",
    /// The storage creates over what exists. Storage, not `core`, is broken.
    IgnoreIfNoneMatch => "ignore-if-none-match",
}

/// There is no mutant of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no mutant `{0}`")]
pub struct UnknownMutant(String);

impl FromStr for Mutant {
    type Err = UnknownMutant;

    fn from_str(name: &str) -> Result<Self, UnknownMutant> {
        let mut all = Self::ALL.iter().copied();
        all.find(|mutant| mutant.name() == name)
            .ok_or_else(|| UnknownMutant(name.to_owned()))
    }
}

#[cfg(feature = "mutants")]
mod chosen {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// Whether this thread runs the variant that `mutant` names.
    pub fn active(mutant: Mutant) -> bool {
        CHOSEN.get() == Some(mutant)
    }

    /// From now on this thread runs that variant, or none.
    pub fn activate(mutant: Option<Mutant>) {
        CHOSEN.set(mutant);
    }
}

#[cfg(feature = "mutants")]
pub use chosen::{activate, active};

/// Whether this thread runs the variant that `mutant` names: never, in this build.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn active(_mutant: Mutant) -> bool {
    false
}

/// Does nothing in this build.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn activate(_mutant: Option<Mutant>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_is_found_by_its_name() {
        for mutant in Mutant::ALL {
            assert_eq!(mutant.name().parse(), Ok(*mutant));
        }
    }

    #[test]
    fn a_build_without_the_feature_is_never_broken() {
        activate(Some(Mutant::NoFence));
        assert_eq!(active(Mutant::NoFence), AVAILABLE);
        activate(None);
        assert!(!active(Mutant::NoFence));
    }
}
