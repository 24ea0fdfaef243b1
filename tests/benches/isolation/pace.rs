//! A steady mix of requests, due at fixed times whatever became of those before.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use dayfly_tests::isolation::{Victim, Work};

/// A request is due so often; one in five is an upload, the others are searches.
const PACE: Duration = Duration::from_millis(40);
const UPLOADS: u32 = 5;
/// So many may be late at once.
const CALLERS: usize = 8;
/// Between the end of one file and the next.
const REST: Duration = Duration::from_millis(250);
/// So much longer than the phase itself its last file may take.
const OVERTIME: Duration = Duration::from_secs(10);

/// What was measured in one phase. Times count from when a request was due.
#[derive(Default)]
pub struct Phase {
    /// Of searches.
    pub searches: Vec<Duration>,
    /// Of small uploads.
    pub uploads: Vec<Duration>,
    /// What the victim waits for beside; the last may be `None`: not done in this phase.
    pub files: Vec<Option<Duration>>,
    /// What was refused, with how often.
    pub refused: BTreeMap<String, usize>,
}

impl Phase {
    fn note(&mut self, is_upload: bool, took: Duration, outcome: Result<(), String>) {
        match (outcome, is_upload) {
            (Ok(()), true) => self.uploads.push(took),
            (Ok(()), false) => self.searches.push(took),
            (Err(error), _) => *self.refused.entry(error).or_default() += 1,
        }
    }
}

/// Measures for so long, and until what was due is done.
pub fn paced(victim: &Victim, length: Duration) -> Phase {
    let phase = Mutex::new(Phase::default());
    let next = AtomicU32::new(0);
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    let due = begun + PACE * number;
                    if due >= begun + length {
                        return;
                    }
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    let is_upload = number.is_multiple_of(UPLOADS);
                    let outcome = match is_upload {
                        true => victim.upload(),
                        false => victim.search(),
                    };
                    phase
                        .lock()
                        .unwrap()
                        .note(is_upload, due.elapsed(), outcome);
                }
            });
        }
        if victim.work() != Work::None {
            scope.spawn(|| files(victim, begun + length, &phase));
        }
    });
    phase.into_inner().unwrap()
}

fn files(victim: &Victim, end: Instant, phase: &Mutex<Phase>) {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let outcome = victim.wait(left + OVERTIME);
        let mut phase = phase.lock().unwrap();
        match outcome {
            Ok(took) => phase.files.push(took),
            Err(error) => *phase.refused.entry(error).or_default() += 1,
        }
        drop(phase);
        thread::sleep(REST);
    }
}
