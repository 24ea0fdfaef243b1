//! The commit protocol in small: which rule tells a writer truly that its version counts?
//!
//! Versions are objects that are created once, each with the list of all operations so far. Writers
//! stall anywhere, requests fail and are executed again late; the oldest versions are pruned. This
//! proves the simulation: the rules that do not hold are seen to fail, the one that holds is not.

mod audit;
mod version;
mod writer;

use std::cell::RefCell;
use std::rc::Rc;

use dayfly_core::mutants::Mutant;

pub use audit::Ledger;
pub use version::{Version, key};

use crate::failure::Failure;
use crate::options::{HOUR_MS, Options};
use crate::scenario::{Catch, Run, Scenario};
use crate::simulation::Report;
use writer::Writer;

/// How a writer is told that the version that it created counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The predecessor's number exists.
    Number,
    /// The predecessor exists, with the nonce that was read.
    Nonce,
    /// There is nothing above it, or its direct successor names its nonce.
    Chain,
    /// There is nothing above it, or the newest has its nonce among those of its ancestors.
    History,
}

/// Writers that prune, by a rule that the run's mutant chooses.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommitRule;

const WRITERS: u32 = 4;

fn options() -> Options {
    Options {
        latency_ms: 1..=40,
        fail_before: 0.01,
        fail_after: 0.01,
        late_effect: 0.01,
        stall: 0.05,
        stall_ms: 100..=10_000,
        duplicate: 0.15,
        any_time_ms: 20_000,
        crash: 0.0,
        freeze: 0.005,
        freeze_ms: 100..=10_000,
        partition: 0.001,
        partition_ms: 100..=10_000,
        ..Options::calm()
    }
}

impl Scenario for CommitRule {
    fn name(&self) -> &'static str {
        "commit-rule"
    }

    fn catches(&self) -> &'static [Catch] {
        const {
            &[
                Catch::new(Mutant::PruneByNumberOnly, 2_000),
                Catch::new(Mutant::PredecessorByNonce, 10_000),
                Catch::new(Mutant::SuccessorByNonce, 100_000).seen(18_024),
                Catch::new(Mutant::TrustOldVersion, 10_000),
                Catch::new(Mutant::IgnoreIfNoneMatch, 100),
            ]
        }
    }

    fn run(&self, run: &Run) -> Result<Report, Failure> {
        let rule = match run.mutant {
            Some(Mutant::PruneByNumberOnly) => Rule::Number,
            Some(Mutant::PredecessorByNonce) => Rule::Nonce,
            Some(Mutant::SuccessorByNonce) => Rule::Chain,
            _ => Rule::History,
        };
        let trusts = run.breaks(Mutant::TrustOldVersion);
        let mut simulation = run.simulation(options());
        simulation.place(&key(1), Version::first().to_text().as_bytes());
        let retained = 1 + run.seed % 3;
        let ledger = Rc::new(RefCell::new(Ledger::default()));
        for number in 0..WRITERS {
            let host = simulation.host(&format!("host-{number}"));
            let ledger = Rc::clone(&ledger);
            simulation.spawn(host, "writer", move |task| {
                Writer::new(&task, rule, trusts, retained).write_all(number, &ledger);
            });
        }
        simulation.auditor(move |world, event| ledger.borrow_mut().audit(world, event));
        simulation.run_until_idle(24 * HOUR_MS)?;
        simulation.heal();
        simulation.run_for(HOUR_MS)?;
        Ok(simulation.report())
    }
}
