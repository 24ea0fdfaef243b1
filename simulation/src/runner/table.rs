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

/// Breaks what each of `scenarios` is to catch, one after another, as `plan` says for the rest. With
/// `known_first` it searches only where the seed that is known to catch a variant does no more, or is
/// none of those that it is to be caught within.
pub fn table(scenarios: &[&dyn Scenario], plan: &Plan, known_first: bool) -> Vec<Caught> {
    let mut table = Vec::new();
    for scenario in scenarios {
        for catch in scenario.catches() {
            if plan.mutant.is_none_or(|wanted| wanted == catch.mutant) {
                table.push(caught(*scenario, catch, plan, known_first));
            }
        }
    }
    table
}

fn caught(scenario: &dyn Scenario, catch: &Catch, plan: &Plan, known_first: bool) -> Caught {
    let bound = plan.from..plan.from.saturating_add(catch.within);
    let known = catch
        .known
        .filter(|seed| known_first && bound.contains(seed));
    let failure = known
        .and_then(|seed| first_failure(scenario, catch, plan, seed, 1))
        .or_else(|| first_failure(scenario, catch, plan, plan.from, catch.within));
    Caught {
        mutant: catch.mutant,
        scenario: scenario.name(),
        within: catch.within,
        by: failure.map(|failure| (failure.seed - plan.from + 1, failure)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Run;
    use crate::simulation::Report;

    /// Fails with each of these seeds.
    struct Planted {
        catches: &'static [Catch],
        failing: &'static [u64],
    }

    impl Scenario for Planted {
        fn name(&self) -> &'static str {
            "planted"
        }

        fn catches(&self) -> &'static [Catch] {
            self.catches
        }

        fn run(&self, run: &Run) -> Result<Report, Failure> {
            let seed = run.seed;
            if self.failing.contains(&seed) {
                return Err(Failure {
                    seed,
                    step: 0,
                    time_ms: 0,
                    promise: "planted",
                    message: String::new(),
                });
            }
            Ok(Report {
                seed,
                steps: 0,
                time_ms: 0,
                requests: 0,
                trace_hash: 0,
            })
        }
    }

    /// After how many seeds the only variant of `catches` is caught.
    fn caught_after(
        catches: &'static [Catch],
        failing: &'static [u64],
        known: bool,
    ) -> Option<u64> {
        let plan = Plan {
            from: 1,
            seeds: 1,
            threads: 1,
            budget: None,
            mutant: None,
            keep_going: false,
        };
        let table = table(&[&Planted { catches, failing }], &plan, known);
        table[0].by.as_ref().map(|(seeds, _)| *seeds)
    }

    const WITHIN: &[Catch] = &[Catch::new(Mutant::NoGrace, 100).seen(60)];
    const BEYOND: &[Catch] = &[Catch::new(Mutant::NoGrace, 100).seen(101)];

    #[test]
    fn a_known_seed_goes_before_the_search() {
        assert_eq!(caught_after(WITHIN, &[20, 60], true), Some(60));
        assert_eq!(caught_after(WITHIN, &[20, 60], false), Some(20));
    }

    #[test]
    fn where_the_known_seed_does_no_more_there_is_a_search() {
        assert_eq!(caught_after(WITHIN, &[20], true), Some(20));
        assert_eq!(caught_after(WITHIN, &[], true), None);
    }

    #[test]
    fn a_known_seed_beyond_the_bound_counts_for_nothing() {
        assert_eq!(caught_after(BEYOND, &[101], true), None);
    }
}
