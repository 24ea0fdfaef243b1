//! How far a job is, noted for whoever asks on another host.

use dayfly_core::api::{RebuildObject, RebuildStatus};
use dayfly_core::rebuild::{Job, JobState, Progress};
use serde::{Deserialize, Serialize};

use crate::storage::now_ms;

/// Progress that was noted so long ago is that of a worker that is gone.
const STALE_MS: u64 = 30_000;

/// How far a job is, as its worker notes it now and then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    noted_ms: u64,
    progress: Progress,
    memory_bytes: Option<u64>,
    seconds_left: Option<u64>,
}

impl Noted {
    /// As of now.
    pub fn now(progress: Progress, memory_bytes: Option<u64>, seconds_left: Option<u64>) -> Self {
        Self {
            noted_ms: now_ms(),
            progress,
            memory_bytes,
            seconds_left,
        }
    }

    /// Whether its worker still lives.
    pub fn is_fresh(&self) -> bool {
        self.noted_ms + STALE_MS > now_ms()
    }
}

/// Where a store's rebuild stands, as the API tells it.
pub fn described(store: &str, job: Option<&Job>, noted: Option<&Noted>) -> RebuildObject {
    let status = match (job.map(|job| job.state), noted) {
        (None, _) => RebuildStatus::Idle,
        (Some(JobState::Failed), _) => RebuildStatus::Failed,
        (Some(JobState::Queued), Some(_)) => RebuildStatus::InProgress,
        (Some(JobState::Queued), None) => RebuildStatus::Queued,
    };
    let mut object = RebuildObject::new(store, status);
    object.message = job.and_then(|job| job.message.clone());
    if let Some(noted) = noted {
        object.step = Some(noted.progress.step.name().to_owned());
        (object.rows_done, object.rows) = (noted.progress.done, noted.progress.of);
        (object.memory_bytes, object.seconds_left) = (noted.memory_bytes, noted.seconds_left);
    }
    object
}
