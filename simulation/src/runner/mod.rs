//! Makes many runs on several threads, and shows what came of them.

mod sweep;
mod table;

pub use sweep::{Found, Plan, Sum, sweep};
pub use table::{Caught, table};

pub use crate::panics::silence as silence_panics;

use crate::failure::Failure;
use crate::panics;
use crate::scenario::{Run, Scenario};

/// What a user types to see `run` of `scenario` again, event by event.
pub fn replay_command(scenario: &dyn Scenario, run: &Run) -> String {
    let mut command = format!(
        "cargo xtask simulate --scenario {} --replay {} --trace",
        scenario.name(),
        run.seed
    );
    if let Some(mutant) = run.mutant {
        command.push_str(" --mutant ");
        command.push_str(mutant.name());
    }
    command
}

/// Makes `run` with its mutant active in this thread.
///
/// # Errors
/// As [`Scenario::run`].
pub fn make(scenario: &dyn Scenario, run: &Run) -> Result<crate::Report, Failure> {
    panics::in_seed(run.seed);
    dayfly_core::mutants::activate(run.mutant);
    let result = scenario.run(run);
    dayfly_core::mutants::activate(None);
    result
}
