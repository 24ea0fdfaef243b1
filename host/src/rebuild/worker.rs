use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dayfly_core::error::ApiError;
use dayfly_core::pending::{self, Attempt, Claim, Worker, claim};
use dayfly_core::rebuild::clear;
use tokio::task::JoinSet;

use super::follow::Process;
use super::protocol::{Ended, Order};
use super::queue::{Noted, Queue, Queued, now_ms};
use crate::options::RebuildOptions;

/// How often the bucket is looked at for jobs that other hosts accepted.
const PAUSE: Duration = Duration::from_secs(10);
/// How often progress is noted.
const NOTE: Duration = Duration::from_secs(1);

/// Does the jobs of a queue, each in a process of its own.
pub struct Workers {
    /// Where jobs come from.
    pub queue: Arc<Queue>,
    /// This host, as attempts name it.
    pub worker: Worker,
    /// A directory or a bucket, as configured.
    pub data: String,
    /// Limits.
    pub options: RebuildOptions,
    /// Counts them.
    pub work: Arc<Work>,
}

/// What workers have done and are doing; for `/metrics`.
#[derive(Default)]
pub struct Work {
    /// Jobs that ended well.
    pub done: AtomicU64,
    /// Tries that failed.
    pub failed: AtomicU64,
    /// Under way now.
    pub running: AtomicU64,
    /// Of one under way: how many rows its step has done.
    pub rows_done: AtomicU64,
    /// Of how many.
    pub rows: AtomicU64,
    /// Memory of its process.
    pub memory_bytes: AtomicU64,
    /// How long its step will go on.
    pub seconds_left: AtomicU64,
}

impl Work {
    /// Jobs that ended well, and tries that failed.
    pub fn ended(&self) -> (u64, u64) {
        (self.done.load(Relaxed), self.failed.load(Relaxed))
    }
}

impl Workers {
    /// Starts as many as are configured; they end, and their processes with them, when the set is
    /// dropped. With none, the queue is still looked at, so that it can be told how long it is.
    pub fn start(self) -> JoinSet<()> {
        let workers = Arc::new(self);
        let mut tasks = JoinSet::new();
        for _ in 0..workers.options.concurrency.max(1) {
            let workers = Arc::clone(&workers);
            tasks.spawn(async move {
                loop {
                    match workers.turn().await {
                        Ok(true) => continue,
                        Ok(false) => {}
                        Err(error) => {
                            tracing::warn!(%error, "the queue of rebuilds cannot be read")
                        }
                    }
                    workers.queue.woken(PAUSE).await;
                }
            });
        }
        tasks
    }

    /// Does jobs until none is left that can be done now; answers how many it tried.
    ///
    /// Fails where the queue cannot be read.
    pub async fn drain(self) -> Result<usize, ApiError> {
        let workers = Arc::new(self);
        let mut tries = 0;
        while workers.turn().await? {
            tries += 1;
        }
        Ok(tries)
    }

    /// Looks for a job and does it; false where there is none to do.
    async fn turn(self: &Arc<Self>) -> Result<bool, ApiError> {
        let Some((queued, attempt)) = self.next().await? else {
            return Ok(false);
        };
        // There may be more for other workers of this host.
        self.queue.wake();
        self.work.running.fetch_add(1, Relaxed);
        let ended = self.run(&queued, attempt).await;
        self.work.running.fetch_sub(1, Relaxed);
        if let Err(error) = ended {
            tracing::warn!(%error, store = queued.store, "a rebuild's end cannot be noted");
        }
        Ok(true)
    }

    async fn next(self: &Arc<Self>) -> Result<Option<(Queued, Attempt)>, ApiError> {
        let workers = Arc::clone(self);
        blocking(move || {
            let waiting = workers.queue.waiting()?;
            if workers.options.concurrency == 0 {
                return Ok(None);
            }
            for queued in waiting {
                if queued.job.is_due(now_ms())
                    && let Some(attempt) = workers.claim(&queued)?
                {
                    return Ok(Some((queued, attempt)));
                }
            }
            Ok(None)
        })
        .await
    }

    fn claim(&self, queued: &Queued) -> Result<Option<Attempt>, ApiError> {
        let objects = self.queue.tenant(&queued.tenant);
        let (store, work) = (&queued.store, work(queued));
        let rounds = queued.job.rounds;
        match claim(&objects, store, &work, &self.worker, now_ms(), None, rounds)? {
            Claim::Granted(attempt) => {
                // Whoever held an attempt before learns of this one before it commits.
                clear(&objects, store, &format!("{}-", queued.job.id), now_ms())?;
                Ok(Some(attempt))
            }
            Claim::Held { .. } => Ok(None),
            Claim::Exhausted(_) => {
                let mut queued = queued.clone();
                let ended = queued.job.message.take();
                let ended = ended.unwrap_or_else(|| "it was broken off each time".to_owned());
                queued.job = queued.job.failed(&ended, true, now_ms());
                self.queue.update(&queued)?;
                pending::forget_attempts(&objects, store, &work)?;
                Ok(None)
            }
        }
    }

    async fn run(self: &Arc<Self>, queued: &Queued, mut attempt: Attempt) -> Result<(), ApiError> {
        let order = self.order(queued, &attempt);
        tracing::info!(
            tenant = queued.tenant,
            store = queued.store,
            base = order.base,
            "rebuilding"
        );
        let ended = match Process::start(&order).await {
            Ok(process) => self.follow(queued, &mut attempt, process).await?,
            Err(error) => Ended::Retry(format!("the rebuild's process cannot be started: {error}")),
        };
        tracing::info!(
            tenant = queued.tenant,
            store = queued.store,
            ?ended,
            "a rebuild ended"
        );
        let (workers, queued) = (Arc::clone(self), queued.clone());
        blocking(move || workers.conclude(queued, attempt, ended)).await
    }

    fn order(&self, queued: &Queued, attempt: &Attempt) -> Order {
        Order {
            data: self.data.clone(),
            tenant: queued.tenant.clone(),
            store: queued.store.clone(),
            base: format!("{}-{}", queued.job.id, attempt.number()),
            work: work(queued),
            attempt: attempt.number(),
            factory: queued.job.factory.clone(),
            memory_mib: self.options.memory_mib,
            threads: self.options.threads,
        }
    }

    /// Until the process ends, or another worker took the job over.
    async fn follow(
        self: &Arc<Self>,
        queued: &Queued,
        attempt: &mut Attempt,
        mut process: Process,
    ) -> Result<Ended, ApiError> {
        loop {
            let until = tokio::time::Instant::now() + NOTE;
            if let Some(ended) = process.follow(until).await {
                return Ok(ended);
            }
            let (progress, left) = (process.progress(), process.seconds_left());
            let memory = process.memory_bytes();
            self.work.rows_done.store(progress.done, Relaxed);
            self.work.rows.store(progress.of, Relaxed);
            self.work.memory_bytes.store(memory.unwrap_or(0), Relaxed);
            self.work.seconds_left.store(left.unwrap_or(0), Relaxed);
            let noted = Noted::now(&queued.job.id, progress, memory, left);
            let (workers, queued) = (Arc::clone(self), queued.clone());
            let mut renewed = attempt.clone();
            let result = blocking(move || {
                workers.queue.note(&queued, &noted)?;
                let objects = workers.queue.tenant(&queued.tenant);
                Ok((renewed.renew(&objects, now_ms())?, renewed))
            })
            .await;
            match result {
                Ok((true, renewed)) => *attempt = renewed,
                Ok((false, _)) => return Ok(Ended::Moot),
                // A storage that is away for long ends the process by itself.
                Err(error) => tracing::warn!(%error, "a rebuild's progress cannot be noted"),
            }
        }
    }

    fn conclude(&self, mut queued: Queued, attempt: Attempt, ended: Ended) -> Result<(), ApiError> {
        let objects = self.queue.tenant(&queued.tenant);
        match ended {
            Ended::Done | Ended::Moot => {
                if ended == Ended::Done {
                    self.work.done.fetch_add(1, Relaxed);
                }
                if !pending::is_latest(&objects, &queued.store, &work(&queued), attempt.number())? {
                    return Ok(());
                }
                self.queue.remove(&queued)?;
                pending::forget_attempts(&objects, &queued.store, &work(&queued))
            }
            Ended::GiveUp(ref text) | Ended::Retry(ref text) => {
                self.work.failed.fetch_add(1, Relaxed);
                let for_good = matches!(ended, Ended::GiveUp(_));
                queued.job = queued.job.failed(text, for_good, now_ms());
                self.queue.update(&queued)?;
                attempt.give_up(&objects, text)?;
                if queued.job.state == dayfly_core::rebuild::JobState::Failed {
                    clear(
                        &objects,
                        &queued.store,
                        &format!("{}-", queued.job.id),
                        now_ms(),
                    )?;
                    pending::forget_attempts(&objects, &queued.store, &work(&queued))?;
                }
                Ok(())
            }
        }
    }
}

/// The job, as attempts name it.
fn work(queued: &Queued) -> String {
    format!("rebuild-{}", queued.job.id)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::unavailable(error.to_string())),
    }
}
