//! The simulation tells commit rules that hold from those that do not.

use dayfly_core::mutants::Mutant;
use dayfly_simulation::model::CommitRule;
use dayfly_simulation::runner::{Plan, sweep};
use dayfly_simulation::{Failure, Scenario};

fn first_failure(mutant: Option<Mutant>, seeds: u64) -> Option<Failure> {
    let plan = Plan {
        from: 1,
        seeds,
        threads: 2,
        budget: None,
        mutant,
        keep_going: false,
    };
    sweep(&CommitRule, &plan).failures.into_iter().next()
}

/// Those that take long are for `cargo xtask simulate --table`.
#[test]
fn broken_variants_are_caught_within_their_seeds() {
    let all = CommitRule.catches().iter();
    for catch in all.filter(|catch| catch.within <= 10_000) {
        let caught = first_failure(Some(catch.mutant), catch.within);
        assert!(caught.is_some(), "{}", catch.mutant.name());
    }
}

#[test]
fn the_rule_that_holds_is_not_caught() {
    assert_eq!(first_failure(None, 5_000), None);
}
