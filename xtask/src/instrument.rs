//! This program as cargo's wrapper of the compiler, which has our crates report to a fuzzer where
//! they come by. What they depend on is compiled as ever, and so shared with every other build.

use std::ffi::OsString;
use std::process::Command;

use crate::run::{Failure, become_it};

/// In the environment, it makes this program the wrapper.
pub const MARK: &str = "XTASK_INSTRUMENT";

/// Counters of edges and comparisons, as libFuzzer takes them; they are LLVM's, which every
/// compiler has. Arithmetic is checked as well.
const FLAGS: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cdebug-assertions=on",
    "-Coverflow-checks=on",
    "-Ccodegen-units=4",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Runs the compiler, whose path is the first of `arguments`. Returns only when that fails.
///
/// # Errors
/// When it cannot be started.
pub fn rustc(arguments: &[OsString]) -> Result<(), Failure> {
    let [rustc, rest @ ..] = arguments else {
        return Err(Failure(format!("{MARK} is for cargo alone")));
    };
    // With all that cargo sets: the code may ask for it.
    let mut rustc = Command::new(rustc);
    rustc.args(rest);
    if is_instrumented(rest) {
        rustc.args(FLAGS);
    }
    become_it(&mut rustc)
}

/// What the fuzzer links: no build script, and no question that cargo asks the compiler.
fn is_instrumented(arguments: &[OsString]) -> bool {
    let mut after = arguments.iter().skip_while(|word| *word != "--crate-name");
    let name = after.nth(1).and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("dayfly") || name == "fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_libraries_and_the_fuzzer_are_instrumented() {
        let of = |words: &str| {
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            is_instrumented(&words)
        };
        assert!(of("--crate-name dayfly_core --edition=2024"));
        assert!(of("--crate-name fuzz --crate-type bin"));
        assert!(!of("--crate-name build_script_build"));
        assert!(!of("--crate-name ___ --print=file-names"));
        assert!(!of("-vV"));
    }
}
