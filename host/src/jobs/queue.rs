use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Jobs of one tenant that are known at once. What does not fit is dropped: the sweeper finds it
/// again.
const MOST_OF_A_TENANT: usize = 1_000;
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LAST_BACKOFF: Duration = Duration::from_secs(300);

/// A pending ingestion.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job {
    /// Whose.
    pub tenant: String,
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
    /// It came further; call again now.
    Step,
    /// Call again later.
    Later,
    /// The instance died here; call again later, and say so.
    Lost(String),
}

/// The jobs of all tenants, one of each tenant after the other.
///
/// A job is known from `schedule` until it is done, and never runs twice at once.
#[derive(Default)]
pub struct Queue {
    jobs: Mutex<Jobs>,
    ready: Notify,
}

#[derive(Default)]
struct Jobs {
    known: HashMap<Job, Entry>,
    tenants: HashMap<String, Tenant>,
    turns: VecDeque<String>,
}

#[derive(Default)]
struct Tenant {
    known: usize,
    waiting: VecDeque<Job>,
}

#[derive(Default)]
struct Entry {
    attempts: u32,
    lost: Option<String>,
    running: bool,
    again: bool,
}

impl Queue {
    /// Takes a job up, or answers false where that many of its tenant are known already: one that
    /// does not fit now is found again by the sweeper.
    pub fn schedule(&self, tenant: &str, store: &str, file: &str) -> bool {
        let job = Job {
            tenant: tenant.into(),
            store: store.into(),
            file: file.into(),
        };
        let mut jobs = self.lock();
        if let Some(entry) = jobs.known.get_mut(&job) {
            entry.again |= entry.running;
            return true;
        }
        if !jobs.know(&job) {
            return false;
        }
        jobs.wait(job);
        drop(jobs);
        self.ready.notify_one();
        true
    }

    /// The next job, when there is one, with why its last instance died here.
    pub async fn next(&self) -> (Job, Option<String>) {
        loop {
            if let Some(next) = self.take() {
                // There may be more for other workers.
                self.ready.notify_one();
                return next;
            }
            self.ready.notified().await;
        }
    }

    /// Ends a job's turn. It comes back by itself after a while unless it is done.
    pub fn finish(self: &Arc<Self>, job: Job, progress: Progress) {
        let Some(pause) = self.settle(&job, progress) else {
            return;
        };
        let queue = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            queue.lock().wait(job);
            queue.ready.notify_one();
        });
    }

    /// After which time the job has to be called again, if at all.
    fn settle(&self, job: &Job, progress: Progress) -> Option<Duration> {
        let mut jobs = self.lock();
        let entry = jobs.known.get_mut(job)?;
        entry.running = false;
        match progress {
            Progress::Done if std::mem::take(&mut entry.again) => {
                *entry = Entry::default();
                return Some(Duration::ZERO);
            }
            Progress::Done => {
                jobs.forget(job);
                return None;
            }
            Progress::Step => {
                entry.attempts = 0;
                return Some(Duration::ZERO);
            }
            Progress::Later => {}
            Progress::Lost(reason) => entry.lost = Some(reason),
        }
        let pause = FIRST_BACKOFF.saturating_mul(1 << entry.attempts.min(16));
        entry.attempts += 1;
        Some(pause.min(LAST_BACKOFF))
    }

    fn take(&self) -> Option<(Job, Option<String>)> {
        let mut jobs = self.lock();
        let job = jobs.next()?;
        let entry = jobs.known.get_mut(&job)?;
        entry.running = true;
        let lost = entry.lost.take();
        Some((job, lost))
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Jobs {
    /// False where the tenant has its most.
    fn know(&mut self, job: &Job) -> bool {
        let tenant = self.tenants.entry(job.tenant.clone()).or_default();
        if tenant.known >= MOST_OF_A_TENANT {
            return false;
        }
        tenant.known += 1;
        self.known.insert(job.clone(), Entry::default());
        true
    }

    fn forget(&mut self, job: &Job) {
        self.known.remove(job);
        if let Some(tenant) = self.tenants.get_mut(&job.tenant) {
            tenant.known -= 1;
            if tenant.known == 0 {
                self.tenants.remove(&job.tenant);
            }
        }
    }

    fn wait(&mut self, job: Job) {
        let tenant = self.tenants.entry(job.tenant.clone()).or_default();
        if tenant.waiting.is_empty() {
            self.turns.push_back(job.tenant.clone());
        }
        tenant.waiting.push_back(job);
    }

    fn next(&mut self) -> Option<Job> {
        let name = self.turns.pop_front()?;
        let tenant = self.tenants.get_mut(&name)?;
        let job = tenant.waiting.pop_front();
        if !tenant.waiting.is_empty() {
            self.turns.push_back(name);
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(queue: &Queue) -> Vec<String> {
        std::iter::from_fn(|| queue.take())
            .map(|(job, _)| job.file)
            .collect()
    }

    #[test]
    fn tenants_take_turns() {
        let queue = Queue::default();
        for file in ["a1", "a2", "a3"] {
            queue.schedule("a", "s", file);
        }
        queue.schedule("b", "s", "b1");
        assert_eq!(files(&queue), ["a1", "b1", "a2", "a3"]);
    }

    #[test]
    fn a_job_that_is_known_is_not_queued_twice() {
        let queue = Queue::default();
        for _ in 0..3 {
            queue.schedule("a", "s", "f");
        }
        assert_eq!(files(&queue), ["f"]);
        queue.schedule("a", "s", "f");
        assert_eq!(files(&queue).len(), 0);
    }

    #[test]
    fn a_job_scheduled_while_it_runs_runs_once_more() {
        let queue = Queue::default();
        queue.schedule("a", "s", "f");
        let (job, _) = queue.take().unwrap();
        queue.schedule("a", "s", "f");
        assert_eq!(queue.settle(&job, Progress::Done), Some(Duration::ZERO));
        queue.lock().wait(job.clone());
        assert!(queue.take().is_some());
        assert_eq!(queue.settle(&job, Progress::Done), None);
        let jobs = queue.lock();
        assert!(jobs.known.is_empty() && jobs.tenants.is_empty());
    }

    #[test]
    fn a_lost_job_comes_back_ever_later_and_says_why_once() {
        let queue = Queue::default();
        queue.schedule("a", "s", "f");
        let (job, lost) = queue.take().unwrap();
        assert_eq!(lost, None);
        let first = queue.settle(&job, Progress::Lost("memory".into())).unwrap();
        queue.lock().wait(job.clone());
        let (_, lost) = queue.take().unwrap();
        assert_eq!(lost.as_deref(), Some("memory"));
        let second = queue.settle(&job, Progress::Later).unwrap();
        assert!(second > first);
        for _ in 0..100 {
            assert!(queue.settle(&job, Progress::Later).unwrap() <= LAST_BACKOFF);
        }
    }

    #[test]
    fn a_job_that_came_further_is_called_again_at_once_and_waits_anew_when_it_fails() {
        let queue = Queue::default();
        queue.schedule("a", "s", "f");
        let (job, _) = queue.take().unwrap();
        let first = queue.settle(&job, Progress::Later).unwrap();
        for progress in [Progress::Later, Progress::Step] {
            queue.lock().wait(job.clone());
            assert!(queue.take().is_some());
            let pause = queue.settle(&job, progress.clone()).unwrap();
            assert_eq!(pause.is_zero(), progress == Progress::Step);
        }
        queue.lock().wait(job.clone());
        assert!(queue.take().is_some());
        assert_eq!(queue.settle(&job, Progress::Later), Some(first));
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_sweeper() {
        let queue = Queue::default();
        for number in 0..MOST_OF_A_TENANT {
            assert!(queue.schedule("a", "s", &number.to_string()));
        }
        assert!(!queue.schedule("a", "s", "one more"));
        assert!(queue.schedule("a", "s", "0"));
        assert_eq!(files(&queue).len(), MOST_OF_A_TENANT);
    }

    #[test]
    fn one_tenant_cannot_fill_the_queue_for_the_others() {
        let queue = Queue::default();
        for number in 0..2 * MOST_OF_A_TENANT {
            queue.schedule("a", "s", &number.to_string());
        }
        assert!(queue.schedule("b", "s", "b1"));
        let order = files(&queue);
        assert_eq!(order.iter().position(|file| file == "b1"), Some(1));
        assert_eq!(order.len(), MOST_OF_A_TENANT + 1);
    }

    #[test]
    fn a_job_that_is_done_makes_room() {
        let queue = Queue::default();
        for number in 0..MOST_OF_A_TENANT {
            queue.schedule("a", "s", &number.to_string());
        }
        let (job, _) = queue.take().unwrap();
        assert!(!queue.schedule("a", "s", "one more"));
        assert_eq!(queue.settle(&job, Progress::Done), None);
        assert!(queue.schedule("a", "s", "one more"));
    }

    #[tokio::test]
    async fn a_waiting_worker_gets_the_job_that_comes() {
        let queue = Arc::new(Queue::default());
        let (next, _) = tokio::join!(queue.next(), async { queue.schedule("a", "s", "f") });
        assert_eq!(next.0.file, "f");
    }
}
