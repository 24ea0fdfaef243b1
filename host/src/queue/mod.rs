//! Which pending ingestion goes on next.

mod metrics;
mod state;
mod tenant;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

pub use metrics::metrics;
use state::{Next, State};

/// A pending ingestion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job {
    /// Whose.
    pub tenant: Arc<str>,
    /// Into which store.
    pub store: String,
    /// Which file.
    pub file: String,
}

/// What became of a job's call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left to do.
    Done,
    /// It came further, and goes on in its next turn.
    Step,
    /// Call again later.
    Later,
    /// The instance died here; call again later, and say so.
    Lost(String),
}

/// The jobs of all tenants, and whose turn it is.
///
/// A job is known from `schedule` until it is done, and never runs twice at once. There are so many
/// places, and one beside them. What is shared is the time in them: who has had least of it comes next,
/// and who comes anew begins with what the least of the others has had (start-time fair queueing, Goyal,
/// Vin and Cheng, SIGCOMM 1996).
///
/// A job goes on in its place until it is done, as long as no other tenant waits that has had ten
/// seconds less: then, after ten seconds at the least, [`Watch::needed`] says so, and it goes on in
/// another turn. For others of its own tenant it gives way after a minute. Where all places are taken,
/// a job that has just come is beside them, for about a second. So what is soon done waits for no job
/// that is not, and those that are not are seldom interrupted.
///
/// Of a tenant at most a thousand jobs are known; the rest is fetched from the bucket as they end. A
/// tenant without jobs takes no memory once others have had as much as it.
#[derive(Debug, Default)]
pub struct JobQueue {
    state: Mutex<State>,
    ready: Notify,
    starved: Notify,
}

/// What a job may do now.
#[derive(Debug)]
pub struct Turn {
    /// Which.
    pub job: Job,
    /// Why its last instance died here.
    pub lost: Option<String>,
    watch: Watch,
}

/// How urgently a turn should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nobody waits for it.
    None,
    /// Soon, but not before it came further.
    Some,
    /// At once.
    Urgent,
}

/// Tells a turn when to end.
#[derive(Debug, Clone)]
pub struct Watch {
    queue: Arc<JobQueue>,
    number: u64,
}

/// What there is at a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Jobs that are being worked on.
    pub running: usize,
    /// Jobs that wait for their turn.
    pub waiting: usize,
    /// Jobs that failed, and wait before they are tried again.
    pub sleeping: usize,
    /// Tenants with more jobs in the bucket than are known.
    pub overflowing: usize,
    /// How long the one has waited that has waited longest.
    pub oldest: Duration,
    /// Turns that ended for others' sake, ever.
    pub gave_way: u64,
}

impl JobQueue {
    /// Lets so many jobs go on at once, and one beside them that has just come.
    pub fn open(&self, places: usize) {
        self.lock().places = places;
        self.ready.notify_one();
    }

    /// Takes a job up. Where too many of its tenant are known it is left in the bucket, and fetched
    /// when there are fewer.
    pub fn schedule(&self, tenant: &str, store: &str, file: &str) {
        let fits = self
            .lock()
            .schedule(job(tenant, store, file), Instant::now());
        if fits {
            self.ready.notify_one();
        }
    }

    /// The next turn, when there is one.
    pub async fn next(self: &Arc<Self>) -> Turn {
        loop {
            if let Some(turn) = self.take() {
                // There may be more for other workers.
                self.ready.notify_one();
                return turn;
            }
            self.ready.notified().await;
        }
    }

    /// What there is.
    pub fn figures(&self) -> Figures {
        self.lock().figures(Instant::now())
    }

    /// A tenant some of whose jobs are known only to the bucket, when it has room for them.
    pub(crate) async fn starved(&self) -> Arc<str> {
        loop {
            if let Some(tenant) = self.lock().next_starved() {
                return tenant;
            }
            self.starved.notified().await;
        }
    }

    /// After which key a tenant's jobs are to be looked for; `None` where enough are known.
    pub(crate) fn look_after(&self, tenant: &str) -> Option<Option<String>> {
        self.lock().look_after(tenant)
    }

    /// Takes up a job that was found; false where too many are known.
    pub(crate) fn find(&self, tenant: &str, store: &str, file: &str) -> bool {
        let fits = self.lock().find(job(tenant, store, file), Instant::now());
        if fits {
            self.ready.notify_one();
        }
        fits
    }

    /// A tenant's jobs were looked at up to that key, and no more fit.
    pub(crate) fn note_overflow(&self, tenant: &str, after: Option<String>) {
        self.lock().note_overflow(&tenant.into(), after);
    }

    /// All jobs of a tenant were looked at; answers whether to begin again.
    pub(crate) fn end_overflow(&self, tenant: &str) -> bool {
        self.lock().end_overflow(tenant)
    }

    fn take(self: &Arc<Self>) -> Option<Turn> {
        let (number, job, lost) = self.lock().take(Instant::now())?;
        Some(Turn {
            job,
            lost,
            watch: Watch {
                queue: Arc::clone(self),
                number,
            },
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// For whoever works on the job.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Ends the turn. The job comes back by itself unless it is done.
    pub fn finish(self, progress: Progress) {
        let Self { job, watch, .. } = self;
        let queue = watch.queue;
        let next = queue.lock().settle(watch.number, progress, Instant::now());
        queue.ready.notify_one();
        queue.starved.notify_one();
        let Next::In(pause) = next else {
            return;
        };
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            queue.lock().wake(job, Instant::now());
            queue.ready.notify_one();
        });
    }
}

impl Watch {
    /// Whether the turn should end for others' sake. Once it should, it always does.
    pub fn needed(&self) -> Need {
        let need = self.queue.lock().needed(self.number, Instant::now());
        // It may have moved into a place that became free.
        self.queue.ready.notify_one();
        need
    }
}

fn job(tenant: &str, store: &str, file: &str) -> Job {
    Job {
        tenant: tenant.into(),
        store: store.into(),
        file: file.into(),
    }
}
