//! Rebuilds that were asked for, in the bucket.

use serde::{Deserialize, Serialize};

/// A job that has been tried so often without success is reported as failed.
pub const TRIES: u32 = 5;
/// The pause after the first failure; it doubles.
const FIRST_PAUSE_MS: u64 = 5_000;
const LONGEST_PAUSE_MS: u64 = 300_000;
/// A rebuild that failed is not begun again by itself before so much time.
const AUTOMATIC_AGAIN_MS: u64 = 3_600_000;

/// A rebuild that was asked for: a durable record, one for each store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Names it among the rebuilds of its store.
    pub id: String,
    /// The kind of index that was asked for, in FAISS's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factory: Option<String>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub requested_ms: u64,
    /// Where it stands.
    pub state: JobState,
    /// Tries that failed.
    #[serde(default)]
    pub failures: u32,
    /// How often somebody asked for it again while it waited: tries before that count no more.
    #[serde(default)]
    pub rounds: u32,
    /// Not to be tried before that time.
    #[serde(default)]
    pub not_before_ms: u64,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Whether there is something left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Somebody should work on it.
    Queued,
    /// Given up.
    Failed,
}

impl Job {
    /// A new one.
    pub fn new(id: String, factory: Option<String>, now_ms: u64) -> Self {
        Self {
            id,
            factory,
            requested_ms: now_ms,
            state: JobState::Queued,
            failures: 0,
            rounds: 0,
            not_before_ms: 0,
            message: None,
        }
    }

    /// Whether it may be tried at that time.
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.state == JobState::Queued && self.not_before_ms <= now_ms
    }

    /// Whether a request for a rebuild replaces it. One that nobody but a threshold asked for
    /// leaves a failure in sight for a while.
    pub fn gives_way(&self, automatic: bool, now_ms: u64) -> bool {
        let rested = self.not_before_ms + AUTOMATIC_AGAIN_MS <= now_ms;
        self.state == JobState::Failed && (!automatic || rested)
    }

    /// After somebody asked for it again while it waits: the pause that a failure brought is over.
    pub fn hurried(mut self) -> Self {
        self.not_before_ms = 0;
        self.failures = 0;
        self.rounds += 1;
        self
    }

    /// After a try failed with `message`; `for_good` where another would end the same way.
    pub fn failed(mut self, message: &str, for_good: bool, now_ms: u64) -> Self {
        self.failures += 1;
        let doublings = self.failures.saturating_sub(1).min(16);
        let pause = (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS);
        let ended = for_good || self.failures >= TRIES;
        self.state = match ended {
            true => JobState::Failed,
            false => JobState::Queued,
        };
        self.not_before_ms = match ended {
            true => now_ms,
            false => now_ms + pause,
        };
        self.message = Some(match (ended, for_good) {
            (true, false) => {
                format!("{message}. It was tried {TRIES} times; ask again to start anew")
            }
            (true, true) => message.to_owned(),
            (false, _) => format!("{message}. It will be tried again in {} s", pause / 1_000),
        });
        self
    }
}

/// What a rebuild is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Reads the live rows and writes them anew.
    #[default]
    Copying,
    /// Learns from a sample.
    Training,
    /// Adds rows to the index.
    Adding,
    /// Measures how well it finds.
    Measuring,
    /// Writes the index.
    Writing,
    /// Makes it the store's.
    Committing,
}

impl Step {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Training => "training",
            Self::Adding => "adding",
            Self::Measuring => "measuring",
            Self::Writing => "writing",
            Self::Committing => "committing",
        }
    }
}

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub step: Step,
    /// How much of that is done.
    pub done: u64,
    /// How much there is of it.
    pub of: u64,
    /// Rows of the store.
    pub rows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_job_is_tried_again_ever_later_and_then_reported() {
        let mut job = Job::new("j".to_owned(), None, 0);
        assert!(job.is_due(0));
        let mut pauses = Vec::new();
        for _ in 1..TRIES {
            job = job.failed("the storage did not answer", false, 1_000);
            assert!(!job.is_due(1_000) && !job.gives_way(false, 1_000));
            pauses.push(job.not_before_ms - 1_000);
        }
        assert_eq!(pauses, [5_000, 10_000, 20_000, 40_000]);
        job = job.failed("the storage did not answer", false, 1_000);
        assert_eq!(job.state, JobState::Failed);
        assert!(job.message.as_ref().unwrap().contains("5 times"));
        assert!(job.gives_way(false, 1_000));
        assert!(!job.gives_way(true, 1_000));
        assert!(job.gives_way(true, 1_000 + AUTOMATIC_AGAIN_MS));
    }

    #[test]
    fn what_would_fail_again_is_not_tried_again() {
        let job = Job::new("j".to_owned(), None, 0).failed("no such kind", true, 7);
        assert_eq!(
            (job.state, job.message.as_deref()),
            (JobState::Failed, Some("no such kind"))
        );
    }
}
