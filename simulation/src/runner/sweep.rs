//! Many seeds of one scenario.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dayfly_core::mutants::Mutant;
use indicatif::{ProgressBar, ProgressStyle};

use super::make;
use crate::failure::Failure;
use crate::scenario::{Run, Scenario};

/// Seeds that a thread takes at once.
const CHUNK: u64 = 16;

/// Which runs to make, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// How many at once.
    pub threads: usize,
    /// No run begins after so long.
    pub budget: Option<Duration>,
    /// What is broken in all of them.
    pub mutant: Option<Mutant>,
    /// Goes on after a failure.
    pub keep_going: bool,
}

/// What runs cost together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// Runs that came to their end.
    pub runs: u64,
    /// Their events.
    pub steps: u64,
    /// Their requests to storage.
    pub requests: u64,
}

/// What a sweep came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Failed runs, by seed; one at most unless it was to go on. That is the first failing seed,
    /// whatever the number of threads, unless time ran out.
    pub failures: Vec<Failure>,
    /// What the others cost.
    pub sum: Sum,
    /// How long it took.
    pub took: Duration,
}

/// Makes the runs of `plan`.
pub fn sweep(scenario: &dyn Scenario, plan: &Plan) -> Found {
    let sweep = Sweep {
        scenario,
        plan,
        next: AtomicU64::new(0),
        stop_at: AtomicU64::new(u64::MAX),
        began: Instant::now(),
        bar: bar(scenario, plan),
        found: Mutex::default(),
    };
    std::thread::scope(|scope| {
        for _ in 0..plan.threads.max(1) {
            scope.spawn(|| sweep.work());
        }
    });
    sweep.bar.finish_and_clear();
    let took = sweep.began.elapsed();
    let found = sweep.found.into_inner();
    let (mut failures, sum) = found.unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|failure| failure.seed);
    if !plan.keep_going {
        failures.truncate(1);
    }
    Found {
        failures,
        sum,
        took,
    }
}

fn bar(scenario: &dyn Scenario, plan: &Plan) -> ProgressBar {
    let bar = ProgressBar::new(plan.seeds);
    let line = "{prefix} {wide_bar} {human_pos}/{human_len} seeds, {per_sec}, {eta} left {msg}";
    if let Ok(style) = ProgressStyle::with_template(line) {
        bar.set_style(style);
    }
    bar.set_prefix(scenario.name());
    bar
}

struct Sweep<'a> {
    scenario: &'a dyn Scenario,
    plan: &'a Plan,
    /// Seeds given out.
    next: AtomicU64,
    /// No seed from here on is of interest.
    stop_at: AtomicU64,
    began: Instant,
    bar: ProgressBar,
    found: Mutex<(Vec<Failure>, Sum)>,
}

impl Sweep<'_> {
    fn work(&self) {
        loop {
            let first = self.next.fetch_add(CHUNK, Ordering::Relaxed);
            if first >= self.plan.seeds || self.out_of_time() {
                return;
            }
            let last = (first + CHUNK).min(self.plan.seeds);
            for seed in first..last {
                self.one(self.plan.from + seed);
            }
            self.bar.inc(last - first);
        }
    }

    fn out_of_time(&self) -> bool {
        let spent = self.began.elapsed();
        self.plan.budget.is_some_and(|budget| spent >= budget)
    }

    fn one(&self, seed: u64) {
        if seed >= self.stop_at.load(Ordering::Relaxed) {
            return;
        }
        let run = Run {
            seed,
            mutant: self.plan.mutant,
            trace: false,
        };
        let result = make(self.scenario, &run);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(report) => {
                found.1.runs += 1;
                found.1.steps += report.steps;
                found.1.requests += report.requests;
            }
            Err(failure) => {
                found.0.push(failure);
                self.bar.set_message(format!("{} failed", found.0.len()));
                if !self.plan.keep_going {
                    self.stop_at.fetch_min(seed, Ordering::Relaxed);
                }
            }
        }
    }
}
