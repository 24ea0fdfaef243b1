//! Fuzzing: builds the targets' program, and runs each of them in libFuzzer.

mod campaign;
mod options;
mod program;
mod report;

use std::ffi::OsString;

use crate::run::Failure;
use campaign::Campaign;
use options::{Budget, Options};
use program::{PROGRAMS, Program};

/// Inputs that each of them gets in the tests.
const IN_TESTS: u64 = 5_000;
/// Seconds that each of them has there at the most.
const IN_TESTS_S: u64 = 40;

/// What `cargo xtask fuzz` does with these arguments.
///
/// # Errors
/// When a build fails, a promise is broken, or the arguments are wrong.
pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    if arguments.iter().any(|word| word == "--help") {
        println!("{}", options::USAGE);
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    if options.makes_seeds {
        return PROGRAMS.iter().try_for_each(Program::make_seeds);
    }
    let chosen = chosen(&options.targets, options.sanitizes)?;
    for program in &PROGRAMS {
        if chosen.iter().any(|one| one.binary == program.binary) {
            program.build(options.sanitizes)?;
        }
    }
    match &options.repeat {
        Some(input) => chosen.iter().try_for_each(|one| one.repeat(input)),
        None => report::all(&chosen, &options.budget, options.jobs),
    }
}

/// Every target for as many inputs as take a few seconds, the same ones every time, as a part of the
/// tests. FAISS's own reading of a file may take it any time, which its process is ended for: its targets
/// are for who has more time.
///
/// # Errors
/// As [`run`].
pub fn briefly() -> Result<(), Failure> {
    let mut campaigns = Vec::new();
    for program in PROGRAMS.iter().filter(|one| one.is_instrumented) {
        program.build(false)?;
        campaigns.extend(program.campaigns(false)?);
    }
    let budget = Budget::RunsWithin(IN_TESTS, IN_TESTS_S);
    report::all(&campaigns, &budget, options::processors())
}

/// The targets of these names; all, where there are none.
fn chosen(names: &[String], sanitizes: bool) -> Result<Vec<Campaign>, Failure> {
    let mut all = Vec::new();
    for program in &PROGRAMS {
        all.extend(program.campaigns(sanitizes)?);
    }
    let known: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let known = known.join(", ");
        return Err(Failure(format!(
            "there is no target {unknown}: there are {known}"
        )));
    }
    if !names.is_empty() {
        all.retain(|one| names.contains(&one.name));
    }
    Ok(all)
}
