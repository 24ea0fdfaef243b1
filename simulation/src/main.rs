//! `cargo xtask simulate`: makes many runs, replays one, or shows that broken variants are caught.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use dayfly_core::mutants::{AVAILABLE, Mutant};
use dayfly_simulation::model::CommitRule;
use dayfly_simulation::runner::{Found, Plan, make, replay_command, silence_panics, sweep, table};
use dayfly_simulation::store::{ROUGH_STORES, STORES};
use dayfly_simulation::{Failure, Run, Scenario};

/// Every scenario there is.
const SCENARIOS: &[&dyn Scenario] = &[&CommitRule, &STORES, &ROUGH_STORES];

/// Failures that are shown in full.
const SHOWN: usize = 10;

/// Runs core over seeded scheduling, time and faults, and checks every promise after every step.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask simulate")]
struct Arguments {
    /// How many seeds of each scenario to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    from: u64,
    /// How many runs at once; all processors unless given.
    #[arg(long)]
    threads: Option<usize>,
    /// Begins no run after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    budget_s: Option<u64>,
    /// Goes on after a failure, and shows all of them.
    #[arg(long)]
    keep_going: bool,
    /// Only this scenario.
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Breaks this.
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
    /// Breaks one thing after another, and shows how soon each is caught.
    #[arg(long)]
    table: bool,
    /// Of the table: tries a seed that is known to catch the variant first, and searches where it does
    /// no more. How soon a search finds one is not shown then.
    #[arg(long, requires = "table")]
    known: bool,
    /// Runs this seed alone.
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// Prints every event of the replayed run.
    #[arg(long, requires = "replay")]
    trace: bool,
}

impl Arguments {
    fn plan(&self) -> Plan {
        let processors = || std::thread::available_parallelism().map_or(1, |count| count.get());
        Plan {
            from: self.from,
            seeds: self.seeds,
            threads: self.threads.unwrap_or_else(processors),
            budget: self.budget_s.map(Duration::from_secs),
            mutant: self.mutant,
            keep_going: self.keep_going,
        }
    }

    fn scenarios(&self) -> Vec<&'static dyn Scenario> {
        let wanted = |scenario: &&dyn Scenario| {
            let name = self.scenario.as_deref();
            name.is_none_or(|name| name == scenario.name())
        };
        SCENARIOS
            .iter()
            .copied()
            .filter(|one| wanted(one))
            .collect()
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if (arguments.mutant.is_some() || arguments.table) && !AVAILABLE {
        eprintln!("error: this build cannot break itself; use `cargo xtask simulate`");
        return ExitCode::from(2);
    }
    let scenarios = arguments.scenarios();
    if scenarios.is_empty() {
        let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name()).collect();
        eprintln!(
            "error: there is no such scenario; there are: {}",
            names.join(", ")
        );
        return ExitCode::from(2);
    }
    silence_panics();
    let sound = match arguments.replay {
        Some(seed) => all(&scenarios, |scenario| replay(scenario, seed, &arguments)),
        None if arguments.table => show_table(&scenarios, &arguments.plan(), arguments.known),
        None => all(&scenarios, |scenario| many(scenario, &arguments.plan())),
    };
    if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether `each` is true of all, which are all tried.
fn all(scenarios: &[&dyn Scenario], each: impl Fn(&dyn Scenario) -> bool) -> bool {
    let failed = scenarios.iter().filter(|scenario| !each(**scenario));
    failed.count() == 0
}

fn replay(scenario: &dyn Scenario, seed: u64, arguments: &Arguments) -> bool {
    let run = Run {
        seed,
        mutant: arguments.mutant,
        trace: arguments.trace,
    };
    match make(scenario, &run) {
        Ok(report) => {
            println!(
                "{}: seed {seed} is clean: {} events, {} requests, {} virtual ms, trace {:016x}",
                scenario.name(),
                report.steps,
                report.requests,
                report.time_ms,
                report.trace_hash
            );
            true
        }
        Err(failure) => {
            println!("{}: {failure}", scenario.name());
            false
        }
    }
}

fn many(scenario: &dyn Scenario, plan: &Plan) -> bool {
    let found = sweep(scenario, plan);
    let Found {
        failures,
        sum,
        took,
    } = &found;
    let seconds = took.as_secs_f64();
    println!(
        "{}: {} runs clean, {} failed; {} events and {} requests in {seconds:.1} s ({:.0} requests/s)",
        scenario.name(),
        sum.runs,
        failures.len(),
        sum.steps,
        sum.requests,
        sum.requests as f64 / seconds.max(1e-9),
    );
    for failure in failures.iter().take(SHOWN) {
        show_failure(scenario, failure, plan.mutant);
    }
    failures.is_empty()
}

fn show_failure(scenario: &dyn Scenario, failure: &Failure, mutant: Option<Mutant>) {
    let run = Run {
        seed: failure.seed,
        mutant,
        trace: false,
    };
    println!(
        "  {failure}\n    replay: {}",
        replay_command(scenario, &run)
    );
}

fn show_table(scenarios: &[&dyn Scenario], plan: &Plan, known_first: bool) -> bool {
    println!("| broken variant | scenario | caught after seeds | at most | promise |");
    println!("|---|---|---:|---:|---|");
    let table = table(scenarios, plan, known_first);
    for row in &table {
        let (seeds, promise) = match &row.by {
            Some((seeds, failure)) => (seeds.to_string(), failure.promise),
            None => ("never".to_owned(), ""),
        };
        let (mutant, scenario) = (row.mutant.name(), row.scenario);
        println!(
            "| {mutant} | {scenario} | {seeds} | {} | {promise} |",
            row.within
        );
    }
    table.iter().all(|row| row.by.is_some())
}
