//! One target in libFuzzer.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::options::Budget;
use crate::cargo::{root, target};
use crate::run::{Failure, command, run};

/// One input may take so long, in seconds.
const TIMEOUT_S: u64 = 20;
/// A program may hold so much; the targets have tighter bounds of their own.
const RSS_MB: u64 = 2_048;

/// A target that is to be run.
pub struct Campaign {
    pub name: String,
    /// The file name of its program.
    pub binary: &'static str,
    pub program: PathBuf,
    /// The folder of the inputs that are in the repository.
    pub seeds: PathBuf,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub runs: u64,
    /// Inputs that each do something that the others do not.
    pub corpus: u64,
    /// Edges of the code that were taken; not known of code that is not instrumented.
    pub coverage: u64,
    /// The input that broke a promise, if one did.
    pub broken_by: Option<PathBuf>,
}

impl Campaign {
    /// Runs it, from a fixed seed and with the seeds and all that was learnt before.
    ///
    /// # Errors
    /// When it cannot be run. A broken promise is no error here.
    pub fn run(&self, budget: &Budget) -> Result<Outcome, Failure> {
        let corpus = self.folder("corpus")?;
        let crashes = self.folder("crashes")?;
        let unwritten = |error: io::Error| Failure(format!("{}: {error}", self.log().display()));
        let log = File::create(self.log()).map_err(unwritten)?;
        let status = self
            .libfuzzer()
            .args(match budget {
                Budget::Seconds(seconds) => vec![format!("-max_total_time={seconds}")],
                Budget::Runs(runs) => vec![format!("-runs={runs}")],
                Budget::RunsWithin(runs, seconds) => vec![
                    format!("-runs={runs}"),
                    format!("-max_total_time={seconds}"),
                ],
            })
            .args([
                "-seed=1".to_owned(),
                format!("-artifact_prefix={}/", crashes.display()),
            ])
            .args(self.dictionary())
            .args([corpus, self.seeds.clone()])
            .stdout(Stdio::null())
            .stderr(log)
            .status()
            .map_err(|error| Failure(format!("{}: {error}", self.program.display())))?;
        let text = fs::read(self.log()).map_err(unwritten)?;
        let outcome = Outcome::of(&String::from_utf8_lossy(&text));
        if !status.success() && outcome.broken_by.is_none() {
            return Err(Failure(format!(
                "{}: {status}; {}",
                self.name,
                self.log().display()
            )));
        }
        Ok(outcome)
    }

    /// Runs one input, and shows what it does.
    ///
    /// # Errors
    /// When it breaks a promise.
    pub fn repeat(&self, input: &Path) -> Result<(), Failure> {
        run(self.libfuzzer().arg(input))
    }

    /// Where libFuzzer's words of the last run are.
    pub fn log(&self) -> PathBuf {
        target().join("fuzz").join(format!("{}.log", self.name))
    }

    fn libfuzzer(&self) -> Command {
        let mut command = command(&self.program);
        command
            .env("DAYFLY_FUZZ", &self.name)
            // FAISS is one thread here, as in searches.
            .env("OMP_NUM_THREADS", "1")
            // Names are looked up for long.
            .env("RUST_BACKTRACE", "0")
            // Of a program that is sanitized. What FAISS leaks of a file that it refuses goes with
            // the process that it is confined to.
            .env("ASAN_OPTIONS", "detect_leaks=0")
            .args([
                format!("-timeout={TIMEOUT_S}"),
                format!("-rss_limit_mb={RSS_MB}"),
            ]);
        command
    }

    /// Words that it would take long to guess.
    fn dictionary(&self) -> Option<String> {
        let file = root().join(format!("fuzz/dictionaries/{}.dict", self.name));
        file.is_file().then(|| format!("-dict={}", file.display()))
    }

    fn folder(&self, of: &str) -> Result<PathBuf, Failure> {
        let folder = target().join("fuzz").join(of).join(&self.name);
        fs::create_dir_all(&folder)
            .map_err(|error| Failure(format!("{}: {error}", folder.display())))?;
        Ok(folder)
    }
}

impl Outcome {
    /// Out of libFuzzer's words, such as `#2000 DONE cov: 7 ft: 9 corp: 4/29b lim: 4096 …`.
    fn of(log: &str) -> Self {
        let mut outcome = Self::default();
        for line in log.lines() {
            if let Some(path) = line.split("Test unit written to ").nth(1) {
                outcome.broken_by = Some(path.trim().into());
            }
            let Some(rest) = line.strip_prefix('#') else {
                continue;
            };
            let words: Vec<&str> = rest.split_whitespace().collect();
            let number = |text: &str| text.split('/').next().and_then(|text| text.parse().ok());
            let after = |name: &str| {
                let at = words.iter().position(|word| *word == name)?;
                number(words.get(at + 1)?)
            };
            let first = words.first().copied().and_then(number);
            outcome.runs = first.unwrap_or(outcome.runs);
            outcome.coverage = after("cov:").unwrap_or(outcome.coverage);
            outcome.corpus = after("corp:").unwrap_or(outcome.corpus);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_is_understood() {
        let log = "INFO: Seed: 1\n\
            #2\tINITED cov: 4 ft: 4 corp: 1/1b exec/s: 0 rss: 27Mb\n\
            #8285\tREDUCE cov: 7 ft: 9 corp: 4/29b lim: 80 exec/s: 0 rss: 27Mb\n";
        let mut expected = Outcome {
            runs: 8_285,
            corpus: 4,
            coverage: 7,
            broken_by: None,
        };
        assert_eq!(Outcome::of(log), expected);
        let crash = "artifact_prefix='x/'; Test unit written to x/crash-0a1b\nBase64: AA==\n";
        expected.broken_by = Some("x/crash-0a1b".into());
        assert_eq!(Outcome::of(&[log, crash].concat()), expected);
    }
}
