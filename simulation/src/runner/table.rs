//! Whether every broken variant is caught, and how soon.

use dayfly_core::mutants::Mutant;

use super::{Plan, sweep};
use crate::failure::Failure;
use crate::scenario::Scenario;

/// What became of a broken variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// The variant.
    pub mutant: Mutant,
    /// By which scenario it is to be caught.
    pub scenario: &'static str,
    /// Within how many seeds.
    pub within: u64,
    /// How many it took, and what was seen; nothing when it was not caught.
    pub by: Option<(u64, Failure)>,
}

/// Breaks what each of `scenarios` is to catch, one after another, as `plan` says for the rest.
pub fn table(scenarios: &[&dyn Scenario], plan: &Plan) -> Vec<Caught> {
    let mut table = Vec::new();
    for scenario in scenarios {
        for (mutant, within) in scenario.catches() {
            if plan.mutant.is_none_or(|wanted| wanted == *mutant) {
                table.push(caught(*scenario, *mutant, *within, plan));
            }
        }
    }
    table
}

fn caught(scenario: &dyn Scenario, mutant: Mutant, within: u64, plan: &Plan) -> Caught {
    let found = sweep(
        scenario,
        &Plan {
            seeds: within,
            mutant: Some(mutant),
            keep_going: false,
            ..plan.clone()
        },
    );
    let first = found.failures.into_iter().next();
    Caught {
        mutant,
        scenario: scenario.name(),
        within,
        by: first.map(|failure| (failure.seed - plan.from + 1, failure)),
    }
}
