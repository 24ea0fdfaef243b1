//! Says of a refused value that it came from the environment, which clap alone does not.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{Command, Error};

/// Prints clap's error or help text and gives its exit code: 2, or 0 for help and version.
pub fn report(error: &Error, command: &Command) -> ExitCode {
    // Nothing is left to be done when even this cannot be printed.
    let _ = error.print();
    let words: Vec<OsString> = std::env::args_os().collect();
    if let Some(variable) = variable_behind(error, command, &words) {
        eprintln!("\nThe value came from the environment variable {variable}.");
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// The environment variable that gave the refused value, when it was not a flag among `words`.
fn variable_behind(error: &Error, command: &Command, words: &[OsString]) -> Option<String> {
    error.get(ContextKind::InvalidValue)?;
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = shown.split([' ', '=']).next()?;
    if words.iter().any(|word| names(word, flag)) {
        return None;
    }
    variable_of(command, flag.trim_start_matches('-'))
        .map(|name| name.to_string_lossy().into_owned())
}

fn names(word: &OsStr, flag: &str) -> bool {
    let word = word.to_string_lossy();
    word.strip_prefix(flag)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

fn variable_of<'a>(command: &'a Command, long: &str) -> Option<&'a OsStr> {
    command
        .get_arguments()
        .filter(|argument| argument.get_long() == Some(long))
        .find_map(clap::Arg::get_env)
        .or_else(|| {
            command
                .get_subcommands()
                .find_map(|below| variable_of(below, long))
        })
}

#[cfg(test)]
mod tests {
    use clap::{Arg, value_parser};

    use super::*;

    // PATH is set wherever tests run, and is no number.
    fn command() -> Command {
        Command::new("dayfly").subcommand(
            Command::new("serve").arg(
                Arg::new("wall")
                    .long("limit-wall-ms")
                    .env("PATH")
                    .value_parser(value_parser!(u64)),
            ),
        )
    }

    fn variable(words: &[&str]) -> Option<String> {
        let error = command().try_get_matches_from(words).unwrap_err();
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        variable_behind(&error, &command(), &words)
    }

    #[test]
    fn a_bad_value_of_a_variable_names_the_variable() {
        assert_eq!(variable(&["dayfly", "serve"]).as_deref(), Some("PATH"));
    }

    #[test]
    fn a_bad_value_of_a_flag_names_no_variable() {
        assert_eq!(variable(&["dayfly", "serve", "--limit-wall-ms", "x"]), None);
        assert_eq!(variable(&["dayfly", "serve", "--limit-wall-ms=x"]), None);
    }
}
