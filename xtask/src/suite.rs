//! Every check that a change has to pass.

use std::ffi::OsString;
use std::process::Command;

use crate::cargo::{GUESTS, TEST_GUESTS, cargo, natives, program, root, selected, simulate, wasm};
use crate::fuzz;
use crate::machine::{add_linters, prepare_for_tests};
use crate::run::{Failure, command, run as run_command, watch};
use crate::tidy;
use crate::times::Times;

/// What `setup` does first; then formatting, lints, fuzzing, unit tests and end-to-end tests, these on every
/// target; with `arguments`, `--fast`, what of that is soon known, or `cargo test` with other ones and nothing
/// else. The last line printed has the number of tests.
///
/// # Errors
/// When a check or a test fails, or when no test ran.
pub fn run(
    setup: impl FnOnce() -> Result<(), Failure>,
    arguments: &[OsString],
) -> Result<(), Failure> {
    let mut times = Times::default();
    times.of("build", || setup().and_then(|()| prepare_for_tests()))?;
    if arguments == ["--fast"] {
        return fast(times);
    }
    if !arguments.is_empty() {
        let mut cargo = cargo("test");
        cargo.args(arguments);
        return sum(vec![("tests", cargo)], times);
    }
    times.of("lints", linted)?;
    times.of("simulation", simulated)?;
    times.of("fuzzing", fuzz::briefly)?;
    let mut runs = vec![("tests", tests_on("local", &[]))];
    let everywhere = ["--test", "e2e", "--", "everywhere::"];
    runs.extend(OTHER_TARGETS.map(|target| (target, tests_on(target, &everywhere))));
    sum(runs, times)
}

/// What is soon known: formatting, house rules, lints, unit tests, and the end-to-end tests of the main job.
fn fast(mut times: Times) -> Result<(), Failure> {
    times.of("lints", linted)?;
    let main_job = ["--test", "e2e", "--", "everywhere::main_job"];
    let runs = vec![
        ("unit tests", tests_on("local", &["--lib", "--bins"])),
        ("main job", tests_on("local", &main_job)),
    ];
    sum(runs, times)
}

/// Formatting, house rules and lints.
fn linted() -> Result<(), Failure> {
    add_linters()?;
    format()?;
    tidy::run()?;
    lint()
}

/// What end-to-end tests run against beside `dayfly serve` on a directory.
const OTHER_TARGETS: [&str; 2] = ["s3", "composed"];

/// Tests at once: most of them wait for a server most of the time.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, usize::from)
}

/// All packages are named every time, because cargo chooses features of dependencies by them.
fn tests_on(target: &str, chosen: &[&str]) -> Command {
    let mut cargo = cargo("test");
    cargo
        .args(["--workspace", "--no-fail-fast"])
        .args(natives())
        .args(chosen)
        .env("DAYFLY_TARGET", target)
        .env("RUST_TEST_THREADS", threads().to_string());
    cargo
}

/// The promises hold under seeded faults, and each broken variant is caught.
fn simulated() -> Result<(), Failure> {
    for arguments in [
        &["--seeds", "400", "--budget-s", "60"][..],
        &["--table", "--known"],
    ] {
        simulate(&arguments.iter().map(OsString::from).collect::<Vec<_>>())?;
    }
    Ok(())
}

fn format() -> Result<(), Failure> {
    run_command(
        command(program())
            .current_dir(root())
            .args(["fmt", "--all", "--check"]),
    )
}

fn lint() -> Result<(), Failure> {
    let deny = ["--", "--deny", "warnings"];
    let natively = ["--workspace", "--all-targets"];
    run_command(cargo("clippy").args(natively).args(natives()).args(deny))?;
    let guests = [GUESTS, TEST_GUESTS].concat();
    run_command(
        wasm("clippy")
            .args(selected("--package", &guests))
            .args(deny),
    )
}

/// Runs all of them, also after one has failed; fails as the first of those did.
fn sum(runs: Vec<(&'static str, Command)>, mut times: Times) -> Result<(), Failure> {
    let mut tally = Tally::default();
    let mut result = Ok(());
    for (name, mut run) in runs {
        let ended = times.of(name, || watch(&mut run, |line| tally.see(line)));
        result = result.and(ended);
    }
    println!(
        "\n{times}\n{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.ignored
    );
    result?;
    if tally.passed == 0 {
        return Err(Failure("no test ran".to_owned()));
    }
    Ok(())
}

/// The sum of what the test programs report, each in a line of its own.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    fn see(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in result.split(['.', ';']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_results_of_all_programs_are_summed() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.51s",
            "test suite::something ... ok",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.00s",
        ] {
            tally.see(line);
        }
        let expected = Tally {
            passed: 14,
            failed: 1,
            ignored: 1,
        };
        assert_eq!(tally, expected);
    }
}
