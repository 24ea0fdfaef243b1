//! What runs are made of.

use dayfly_core::mutants::Mutant;

use crate::failure::Failure;
use crate::options::Options;
use crate::simulation::{Report, Simulation};

/// One run to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Decides everything.
    pub seed: u64,
    /// What is broken in it.
    pub mutant: Option<Mutant>,
    /// Whether every event is printed.
    pub trace: bool,
}

impl Run {
    /// Of a sound build, without a trace.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            mutant: None,
            trace: false,
        }
    }

    /// Whether `mutant` is what is broken.
    pub fn breaks(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// An empty simulation for this run, which prints its events when that is wanted and whose
    /// storage is broken when that is.
    pub fn simulation(&self, mut options: Options) -> Simulation {
        options.ignore_if_none_match |= self.breaks(Mutant::IgnoreIfNoneMatch);
        let mut simulation = Simulation::new(self.seed, options);
        if self.trace {
            simulation.trace_to(|line| println!("{line}"));
        }
        simulation
    }
}

/// A broken variant that a scenario catches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Catch {
    /// The variant.
    pub mutant: Mutant,
    /// Within how many seeds, from the first on.
    pub within: u64,
    /// A seed that was seen to catch it, where the first one that does takes long to find.
    pub known: Option<u64>,
}

impl Catch {
    /// Of `mutant`, within so many seeds.
    pub const fn new(mutant: Mutant, within: u64) -> Self {
        Self {
            mutant,
            within,
            known: None,
        }
    }

    /// It was seen to be caught by `seed`.
    pub const fn seen(mut self, seed: u64) -> Self {
        self.known = Some(seed);
        self
    }
}

/// A workload with its auditors.
pub trait Scenario: Sync {
    /// Its name on a command line.
    fn name(&self) -> &'static str;

    /// The broken variants that it catches.
    fn catches(&self) -> &'static [Catch];

    /// Makes the run.
    ///
    /// # Errors
    /// When a promise is broken in it.
    fn run(&self, run: &Run) -> Result<Report, Failure>;
}
