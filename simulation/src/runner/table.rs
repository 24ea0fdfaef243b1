//! Whether every broken variant is caught, and how soon.

use dayfly_core::mutants::Mutant;

use super::{Plan, sweep};
use crate::failure::Failure;
use crate::scenario::{Catch, Scenario};

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
        for catch in scenario.catches() {
            if plan.mutant.is_none_or(|wanted| wanted == catch.mutant) {
                table.push(caught(*scenario, catch, plan));
            }
        }
    }
    table
}

fn caught(scenario: &dyn Scenario, catch: &Catch, plan: &Plan) -> Caught {
    let known = catch.known.filter(|_| plan.known_first);
    let failure = known
        .and_then(|seed| first_failure(scenario, catch, plan, seed, 1))
        .or_else(|| first_failure(scenario, catch, plan, plan.from, catch.within));
    Caught {
        mutant: catch.mutant,
        scenario: scenario.name(),
        within: catch.within,
        by: failure.map(|failure| ((failure.seed + 1).saturating_sub(plan.from), failure)),
    }
}

fn first_failure(
    scenario: &dyn Scenario,
    catch: &Catch,
    plan: &Plan,
    from: u64,
    seeds: u64,
) -> Option<Failure> {
    let plan = Plan {
        from,
        seeds,
        mutant: Some(catch.mutant),
        keep_going: false,
        ..plan.clone()
    };
    sweep(scenario, &plan).failures.into_iter().next()
}
