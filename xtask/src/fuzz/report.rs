//! Several targets, and the table of what came of them.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use super::campaign::{Campaign, Outcome};
use super::options::Budget;
use crate::run::Failure;

/// Lines of a log that tell what broke.
const SHOWN_LINES: usize = 25;

/// Runs the targets, some at a time, and prints a row of the table as each ends.
///
/// # Errors
/// When one cannot be run, or breaks a promise: it says by what input, and how to repeat that.
pub fn all(campaigns: &[Campaign], budget: &Budget, jobs: usize) -> Result<(), Failure> {
    println!(
        "{:<12} {:>12} {:>8} {:>10} {:>10} {:>8}",
        "target", "runs", "corpus", "coverage", "seconds", "crashes"
    );
    let waiting: Mutex<VecDeque<&Campaign>> = Mutex::new(campaigns.iter().collect());
    let failures: Mutex<Vec<String>> = Mutex::default();
    let work = || {
        while let Some(campaign) = locked(&waiting, VecDeque::pop_front) {
            let began = Instant::now();
            match campaign.run(budget) {
                Ok(outcome) => {
                    print_row(campaign, &outcome, began);
                    if let Some(input) = &outcome.broken_by {
                        let text = explained(campaign, input);
                        locked(&failures, |failures| failures.push(text));
                    }
                }
                Err(Failure(text)) => locked(&failures, |failures| failures.push(text)),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.min(campaigns.len()) {
            scope.spawn(work);
        }
    });
    let failures = failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure(failures.join("\n\n"))),
    }
}

fn locked<T, R>(of: &Mutex<T>, with: impl FnOnce(&mut T) -> R) -> R {
    with(&mut of.lock().unwrap_or_else(PoisonError::into_inner))
}

fn print_row(campaign: &Campaign, outcome: &Outcome, began: Instant) {
    println!(
        "{:<12} {:>12} {:>8} {:>10} {:>10} {:>8}",
        campaign.name,
        outcome.runs,
        outcome.corpus,
        outcome.coverage,
        began.elapsed().as_secs(),
        u8::from(outcome.broken_by.is_some()),
    );
}

fn explained(campaign: &Campaign, input: &Path) -> String {
    let log = fs::read(campaign.log()).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().filter(|line| !is_progress(line)).collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    format!(
        "{}\n{} broke a promise by the input {}; to repeat it:\n  cargo xtask fuzz {} --repeat {}",
        shown.join("\n"),
        campaign.name,
        input.display(),
        campaign.name,
        input.display()
    )
}

fn is_progress(line: &str) -> bool {
    line.starts_with('#') || line.starts_with("INFO: ") || line.contains("NewPC")
}
