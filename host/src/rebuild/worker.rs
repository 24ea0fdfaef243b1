//! Doing rebuilds, one after another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dayfly_core::api::{ApiError, RebuildRequest};
use dayfly_core::pending::{self, Attempt, Claim, claim};
use dayfly_core::platform::Worker;
use dayfly_core::rebuild::{JobState, is_due};
use dayfly_core::store;
use tokio::task::JoinSet;

use super::follow::Process;
use super::protocol::{Ended, Order};
use super::queue::{Noted, Queue, Queued};
use crate::options::RebuildOptions;
use crate::storage::{now_ms, run_waiting};

/// How often the bucket is looked at for jobs that other hosts accepted.
const PAUSE: Duration = Duration::from_secs(10);
/// How often jobs of stores that are gone are looked for.
const ORPHANS: Duration = Duration::from_secs(600);
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
        let queue = Arc::clone(&workers.queue);
        tasks.spawn(async move {
            loop {
                let (queue, rest) = (Arc::clone(&queue), tokio::time::sleep(ORPHANS));
                if let Err(error) = blocking(move || queue.remove_orphans()).await {
                    tracing::warn!(%error, "rebuilds of stores that are gone cannot be looked for");
                }
                rest.await;
            }
        });
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

    /// The right to try a job. It saves work alone: whose rebuild is committed the store decides.
    fn claim(&self, queued: &Queued) -> Result<Option<Attempt>, ApiError> {
        let (own, folder) = (self.queue.own(), queued.attempts());
        let rounds = queued.job.rounds;
        match claim(&own, &folder, &self.worker, now_ms(), None, rounds)? {
            Claim::Granted(attempt) => Ok(Some(attempt)),
            Claim::Held { .. } => Ok(None),
            Claim::Exhausted(_) => {
                let mut queued = queued.clone();
                let ended = queued.job.message.take();
                let ended = ended.unwrap_or_else(|| "it was broken off each time".to_owned());
                queued.job = queued.job.failed(&ended, true, now_ms());
                self.queue.update(&queued)?;
                pending::forget_attempts(&own, &folder)?;
                Ok(None)
            }
        }
    }

    async fn run(self: &Arc<Self>, queued: &Queued, mut attempt: Attempt) -> Result<(), ApiError> {
        let order = self.order(queued);
        tracing::info!(
            tenant = queued.tenant,
            store = queued.store,
            job = queued.job.id,
            attempt = attempt.number(),
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

    fn order(&self, queued: &Queued) -> Order {
        Order {
            data: self.data.clone(),
            tenant: queued.tenant.clone(),
            store: queued.store.clone(),
            node: self.worker.node.clone(),
            boot: self.worker.boot.clone(),
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
            let noted = Noted::now(progress, memory, left);
            let (workers, queued) = (Arc::clone(self), queued.clone());
            let mut renewed = attempt.clone();
            let result = blocking(move || {
                workers.queue.note(&queued, &noted)?;
                Ok((renewed.renew(&workers.queue.own(), now_ms())?, renewed))
            })
            .await;
            match result {
                Ok((true, renewed)) => *attempt = renewed,
                Ok((false, _)) => return Ok(Ended::Overtaken),
                // A storage that is away for long ends the process by itself.
                Err(error) => tracing::warn!(%error, "a rebuild's progress cannot be noted"),
            }
        }
    }

    fn conclude(&self, mut queued: Queued, attempt: Attempt, ended: Ended) -> Result<(), ApiError> {
        let own = self.queue.own();
        match ended {
            Ended::Done => {
                self.work.done.fetch_add(1, Relaxed);
                self.queue.end(&queued)?;
                self.ask_again(&queued)
            }
            Ended::Gone => self.queue.end(&queued),
            // Whoever goes on ends the job, too.
            Ended::Overtaken => Ok(attempt.release(&own)?),
            Ended::GiveUp(ref text) | Ended::Retry(ref text) => {
                self.work.failed.fetch_add(1, Relaxed);
                let for_good = matches!(ended, Ended::GiveUp(_));
                queued.job = queued.job.failed(text, for_good, now_ms());
                self.queue.update(&queued)?;
                attempt.give_up(&own, text)?;
                match queued.job.state {
                    JobState::Failed => Ok(pending::forget_attempts(&own, &queued.attempts())?),
                    JobState::Queued => Ok(()),
                }
            }
        }
    }

    /// What came while a store was rebuilt may be enough for another rebuild, and those who brought
    /// it were told that one is under way.
    fn ask_again(&self, queued: &Queued) -> Result<(), ApiError> {
        let objects = self.queue.tenant(&queued.tenant);
        let newest = store::current(objects.platform(), &queued.store)?;
        if newest.is_some_and(|newest| is_due(&newest, self.options.min_rows)) {
            let request = RebuildRequest {
                factory: None,
                automatic: true,
            };
            self.queue
                .request(&queued.tenant, &queued.store, &request)?;
        }
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match run_waiting(work).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::unavailable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use dayfly_core::api::RebuildStatus;
    use object_store::memory::InMemory;

    use super::*;
    use crate::storage::{Blocking, Storage};
    use crate::testing;

    struct Scene {
        workers: Workers,
        objects: Blocking,
        _runtime: tokio::runtime::Runtime,
    }

    impl Scene {
        /// A store of so many rows, none of them indexed, and a job that was claimed.
        fn claimed(rows: u32) -> (Self, Queued, Attempt) {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .build()
                .unwrap();
            let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
            let queue = Arc::new(Queue::new(&storage, runtime.handle()));
            let objects = queue.tenant("t");
            testing::store(&objects, "vs_1");
            testing::add(&objects, "vs_1", "file-1", rows);
            let request = RebuildRequest {
                factory: None,
                automatic: false,
            };
            queue.request("t", "vs_1", &request).unwrap();
            let workers = Workers {
                queue,
                worker: Worker {
                    node: "n".to_owned(),
                    boot: "b".to_owned(),
                },
                data: String::new(),
                options: RebuildOptions {
                    min_rows: 10,
                    ..RebuildOptions::default()
                },
                work: Arc::default(),
            };
            let queued = workers.queue.waiting().unwrap().remove(0);
            let attempt = workers.claim(&queued).unwrap().unwrap();
            let scene = Self {
                workers,
                objects,
                _runtime: runtime,
            };
            (scene, queued, attempt)
        }

        fn waiting(&self) -> Vec<Queued> {
            self.workers.queue.waiting().unwrap()
        }
    }

    #[test]
    fn a_store_that_is_due_again_when_its_rebuild_ends_is_asked_for_again() {
        let (scene, queued, attempt) = Scene::claimed(10);
        scene
            .workers
            .conclude(queued.clone(), attempt, Ended::Done)
            .unwrap();
        let waiting = scene.waiting();
        assert_eq!(waiting.len(), 1);
        assert_ne!(waiting[0].job.id, queued.job.id);
    }

    #[test]
    fn a_store_that_is_not_due_rests_after_its_rebuild() {
        let (scene, queued, attempt) = Scene::claimed(9);
        scene
            .workers
            .conclude(queued, attempt, Ended::Done)
            .unwrap();
        assert_eq!(scene.waiting(), []);
        let status = scene.workers.queue.status("t", "vs_1").unwrap();
        assert_eq!(status.status, RebuildStatus::Idle);
    }

    #[test]
    fn a_job_that_was_overtaken_is_left_to_whoever_goes_on() {
        let (scene, queued, attempt) = Scene::claimed(9);
        assert!(scene.workers.claim(&queued).unwrap().is_none());
        scene
            .workers
            .conclude(queued.clone(), attempt, Ended::Overtaken)
            .unwrap();
        assert_eq!(scene.waiting(), std::slice::from_ref(&queued));
        assert!(scene.workers.claim(&queued).unwrap().is_some());
    }

    #[test]
    fn the_job_of_a_store_that_is_gone_ends_with_all_that_belongs_to_it() {
        let (scene, queued, attempt) = Scene::claimed(9);
        let manifest = store::existing(scene.objects.platform(), "vs_1").unwrap();
        store::delete(scene.objects.platform(), &manifest).unwrap();
        let attempts = queued.attempts();
        scene
            .workers
            .conclude(queued, attempt, Ended::Gone)
            .unwrap();
        assert_eq!(scene.waiting(), []);
        let own = scene.workers.queue.own();
        assert_eq!(
            dayfly_core::objects::Objects::list_all(&own, &attempts).unwrap(),
            []
        );
    }
}
