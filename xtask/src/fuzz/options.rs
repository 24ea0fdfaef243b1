//! The command line of `cargo xtask fuzz`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::run::Failure;

pub const USAGE: &str = "\
usage: cargo xtask fuzz [TARGET…] [--seconds N | --runs N] [--jobs N] [--sanitize]
       cargo xtask fuzz TARGET --repeat FILE [--sanitize]
       cargo xtask fuzz --seeds

Runs the targets (all of them, where none is named), each for 60 seconds, for N seconds or for N
inputs, N targets at a time (as many as there are processors). What is learnt goes to target/fuzz.

  --repeat FILE  run one input, such as one that broke a promise
  --sanitize     have FAISS stop where it touches memory that is not its own; compiles it anew,
                 which takes a quarter of an hour
  --seeds        make the seeds anew; commit what changes";

/// How long a target runs.
#[derive(Debug, PartialEq, Eq)]
pub enum Budget {
    Seconds(u64),
    Runs(u64),
    /// So many inputs, or as many as so many seconds allow.
    RunsWithin(u64, u64),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    pub targets: Vec<String>,
    pub budget: Budget,
    pub jobs: usize,
    pub repeat: Option<PathBuf>,
    pub makes_seeds: bool,
    pub sanitizes: bool,
}

impl Options {
    /// # Errors
    /// The usage, where the arguments are wrong.
    pub fn parse(arguments: &[OsString]) -> Result<Self, Failure> {
        let mut options = Self {
            targets: Vec::new(),
            budget: Budget::Seconds(60),
            jobs: processors(),
            repeat: None,
            makes_seeds: false,
            sanitizes: false,
        };
        let usage = || Failure(USAGE.to_owned());
        let mut words = arguments.iter().map(|word| word.to_string_lossy());
        while let Some(word) = words.next() {
            let mut number = || words.next()?.parse().ok().filter(|number| *number > 0);
            match word.as_ref() {
                "--seconds" => options.budget = Budget::Seconds(number().ok_or_else(usage)?),
                "--runs" => options.budget = Budget::Runs(number().ok_or_else(usage)?),
                "--jobs" => options.jobs = number().ok_or_else(usage)? as usize,
                "--sanitize" => options.sanitizes = true,
                "--seeds" => options.makes_seeds = true,
                "--repeat" => {
                    let file = words.next().ok_or_else(usage)?;
                    options.repeat = Some(file.as_ref().into());
                }
                name if !name.starts_with('-') => options.targets.push(name.to_owned()),
                _ => return Err(usage()),
            }
        }
        match options.repeat.is_some() && options.targets.len() != 1 {
            true => Err(usage()),
            false => Ok(options),
        }
    }
}

/// How many there are.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Option<Options> {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        Options::parse(&words).ok()
    }

    #[test]
    fn a_command_line_is_understood_or_refused() {
        let options = parse("token --runs 5 chunk --jobs 1").unwrap();
        assert_eq!(options.targets, ["token", "chunk"]);
        assert_eq!((options.budget, options.jobs), (Budget::Runs(5), 1));
        assert!(parse("--seeds").unwrap().makes_seeds);
        assert!(parse("token --repeat x").unwrap().repeat.is_some());
        for wrong in ["--runs", "--runs x", "--seconds 0", "--other", "--repeat x"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
