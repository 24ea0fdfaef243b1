//! Every check that a change has to pass.

use std::ffi::OsString;

use crate::cargo::{GUESTS, TEST_GUESTS, cargo, natives, program, root, selected, wasm};
use crate::machine::{add_linters, prepare_for_tests};
use crate::run::{Failure, command, run as run_command, watch};

/// Formatting, lints, unit tests and end-to-end tests; with `arguments`, `cargo test` with them
/// and nothing else. The last line printed has the number of tests.
///
/// # Errors
/// When a check or a test fails, or when no test ran.
pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    prepare_for_tests()?;
    if !arguments.is_empty() {
        return test(arguments);
    }
    add_linters()?;
    format()?;
    lint()?;
    let all = ["--workspace", "--no-fail-fast"].map(str::to_owned);
    let all: Vec<OsString> = all
        .into_iter()
        .chain(natives())
        .map(OsString::from)
        .collect();
    test(&all)
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

fn test(arguments: &[OsString]) -> Result<(), Failure> {
    let mut tally = Tally::default();
    let result = watch(cargo("test").args(arguments), |line| tally.see(line));
    println!(
        "\n{} passed, {} failed, {} skipped",
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
