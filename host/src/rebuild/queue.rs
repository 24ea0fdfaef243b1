use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dayfly_core::api::{RebuildObject, RebuildRequest, RebuildStatus};
use dayfly_core::error::ApiError;
use dayfly_core::objects::{ObjectError, Objects};
use dayfly_core::rebuild::{Job, JobState, Progress};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::platform::{Blocking, OWN_FOLDER, Storage, random_id};

/// Where the records of all tenants' jobs are, below [`OWN_FOLDER`].
const FOLDER: &str = "rebuilds/";
/// Progress that was noted so long ago is that of a worker that is gone.
const STALE_MS: u64 = 30_000;

/// The rebuilds that were asked for, of all tenants: records in the bucket, one for each store,
/// which any number of hosts share. All methods but [`wake`](Self::woken) block.
pub struct Queue {
    storage: Storage,
    runtime: Handle,
    wake: Notify,
    queued: AtomicU64,
    failed: AtomicU64,
}

/// A job and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The tenant.
    pub tenant: String,
    /// The store.
    pub store: String,
    /// What was asked for.
    pub job: Job,
}

/// Jobs at the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting, or under way.
    pub queued: u64,
    /// Given up.
    pub failed: u64,
}

/// How far a job is, as its worker notes it now and then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    job: String,
    noted_ms: u64,
    progress: Progress,
    memory_bytes: Option<u64>,
    seconds_left: Option<u64>,
}

impl Noted {
    /// As of now.
    pub fn now(
        job: &str,
        progress: Progress,
        memory_bytes: Option<u64>,
        seconds_left: Option<u64>,
    ) -> Self {
        Self {
            job: job.to_owned(),
            noted_ms: now_ms(),
            progress,
            memory_bytes,
            seconds_left,
        }
    }
}

impl Queue {
    /// The one of a bucket.
    pub fn new(storage: &Storage, runtime: &Handle) -> Self {
        Self {
            storage: storage.clone(),
            runtime: runtime.clone(),
            wake: Notify::new(),
            queued: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// A tenant's objects.
    pub fn tenant(&self, tenant: &str) -> Blocking {
        Blocking::new(&self.storage, tenant, &self.runtime)
    }

    fn own(&self) -> Blocking {
        self.tenant(OWN_FOLDER)
    }

    /// Asks for a rebuild, durably; one that is under way, or waits, stays as it is.
    pub fn request(
        &self,
        tenant: &str,
        store: &str,
        request: &RebuildRequest,
    ) -> Result<RebuildObject, ApiError> {
        let now_ms = now_ms();
        let random = random_id().map_err(|error| ApiError::unavailable(error.to_string()))?;
        let job = Job::new(
            format!("{now_ms:011x}{random}"),
            request.factory.clone(),
            now_ms,
        );
        let (objects, key) = (self.own(), job_key(tenant, store));
        let data = serde_json::to_vec(&job).map_err(unwritable)?;
        match objects.put_new(&key, &data) {
            Ok(()) => {}
            Err(ObjectError::AlreadyExists) => {
                let next = match self.job(tenant, store)? {
                    Some(present) if !present.gives_way(request.automatic, now_ms) => {
                        if request.automatic || present.is_due(now_ms) {
                            return self.status(tenant, store);
                        }
                        serde_json::to_vec(&present.hurried()).map_err(unwritable)?
                    }
                    _ => data,
                };
                objects.put(&key, &next)?;
            }
            Err(error) => return Err(error.into()),
        }
        self.wake.notify_one();
        self.status(tenant, store)
    }

    /// Where a store's rebuild stands.
    pub fn status(&self, tenant: &str, store: &str) -> Result<RebuildObject, ApiError> {
        let job = self.job(tenant, store)?;
        let noted = match &job {
            Some(job) if job.state == JobState::Queued => self.noted(tenant, store, &job.id)?,
            _ => None,
        };
        Ok(described(store, job.as_ref(), noted.as_ref()))
    }

    /// Every job that waits, or is under way, the oldest first.
    pub fn waiting(&self) -> Result<Vec<Queued>, ApiError> {
        let objects = self.own();
        let keys = objects.list_all(FOLDER)?.into_iter().map(|meta| meta.key);
        let places: Vec<(String, String)> = keys.filter_map(|key| place(&key)).collect();
        let (mut waiting, mut failed) = (Vec::new(), 0);
        for (tenant, store) in places {
            match self.job(&tenant, &store)? {
                Some(job) if job.state == JobState::Queued => {
                    waiting.push(Queued { tenant, store, job });
                }
                Some(_) => failed += 1,
                None => {}
            }
        }
        waiting.sort_by_key(|queued| queued.job.requested_ms);
        self.queued.store(waiting.len() as u64, Relaxed);
        self.failed.store(failed, Relaxed);
        Ok(waiting)
    }

    /// What the last look at all jobs saw.
    pub fn counts(&self) -> Counts {
        Counts {
            queued: self.queued.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }

    /// Waits until a job is asked for here, or for so long.
    pub async fn woken(&self, most: Duration) {
        let _ = tokio::time::timeout(most, self.wake.notified()).await;
    }

    /// Lets another worker of this host look, too.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Replaces a job's record, unless another one took its place.
    pub fn update(&self, queued: &Queued) -> Result<(), ApiError> {
        let present = self.job(&queued.tenant, &queued.store)?;
        if present.is_none_or(|present| present.id != queued.job.id) {
            return Ok(());
        }
        let data = serde_json::to_vec(&queued.job).map_err(unwritable)?;
        let key = job_key(&queued.tenant, &queued.store);
        Ok(self.own().put(&key, &data)?)
    }

    /// Removes a job that has ended, unless another one took its place.
    pub fn remove(&self, queued: &Queued) -> Result<(), ApiError> {
        let (tenant, store) = (&queued.tenant, &queued.store);
        let present = self.job(tenant, store)?;
        if present.is_some_and(|present| present.id == queued.job.id) {
            self.own().delete(&job_key(tenant, store))?;
        }
        Ok(self.own().delete(&progress_key(tenant, store))?)
    }

    /// Notes how far a job is.
    pub fn note(&self, queued: &Queued, noted: &Noted) -> Result<(), ApiError> {
        let data = serde_json::to_vec(noted).map_err(unwritable)?;
        let key = progress_key(&queued.tenant, &queued.store);
        Ok(self.own().put(&key, &data)?)
    }

    fn job(&self, tenant: &str, store: &str) -> Result<Option<Job>, ApiError> {
        self.read(&job_key(tenant, store))
    }

    fn noted(&self, tenant: &str, store: &str, job: &str) -> Result<Option<Noted>, ApiError> {
        let noted: Option<Noted> = self.read(&progress_key(tenant, store))?;
        let fresh = |noted: &Noted| noted.job == job && noted.noted_ms + STALE_MS > now_ms();
        Ok(noted.filter(fresh))
    }

    /// A record that cannot be read is as good as none: the next request writes it anew.
    fn read<T: for<'a> Deserialize<'a>>(&self, key: &str) -> Result<Option<T>, ApiError> {
        match self.own().get(key) {
            Ok(data) => Ok(serde_json::from_slice(&data)
                .inspect_err(|error| tracing::warn!(key, %error, "a rebuild's record is damaged"))
                .ok()),
            Err(ObjectError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn described(store: &str, job: Option<&Job>, noted: Option<&Noted>) -> RebuildObject {
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

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

fn job_key(tenant: &str, store: &str) -> String {
    format!("{FOLDER}{tenant}/{store}/job.json")
}

fn progress_key(tenant: &str, store: &str) -> String {
    format!("{FOLDER}{tenant}/{store}/progress.json")
}

fn place(key: &str) -> Option<(String, String)> {
    let place = key.strip_prefix(FOLDER)?.strip_suffix("/job.json")?;
    let (tenant, store) = place.split_once('/')?;
    Some((tenant.to_owned(), store.to_owned()))
}

fn unwritable(fault: serde_json::Error) -> ApiError {
    ApiError::new(
        500,
        format!("The rebuild's record cannot be written: {fault}."),
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;

    fn with_queue(test: impl FnOnce(&Queue)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
        test(&Queue::new(&storage, runtime.handle()));
    }

    fn asked(factory: Option<&str>, automatic: bool) -> RebuildRequest {
        RebuildRequest {
            factory: factory.map(str::to_owned),
            automatic,
        }
    }

    #[test]
    fn a_job_is_asked_for_once_followed_and_removed() {
        with_queue(|queue| {
            assert_eq!(
                queue.status("t", "vs_1").unwrap().status,
                RebuildStatus::Idle
            );
            queue
                .request("t", "vs_1", &asked(Some("SQ8"), false))
                .unwrap();
            queue.request("t", "vs_1", &asked(None, false)).unwrap();
            queue.request("u", "vs_1", &asked(None, true)).unwrap();
            let waiting = queue.waiting().unwrap();
            assert_eq!(waiting.len(), 2);
            assert_eq!(waiting[0].job.factory.as_deref(), Some("SQ8"));
            assert_eq!(
                queue.status("t", "vs_1").unwrap().status,
                RebuildStatus::Queued
            );
            let progress = Progress {
                done: 3,
                of: 9,
                ..Progress::default()
            };
            let noted = Noted::now(&waiting[0].job.id, progress, Some(5), Some(6));
            queue.note(&waiting[0], &noted).unwrap();
            let status = queue.status("t", "vs_1").unwrap();
            assert_eq!(
                (status.status, status.rows_done),
                (RebuildStatus::InProgress, 3)
            );
            assert_eq!(
                (status.memory_bytes, status.seconds_left),
                (Some(5), Some(6))
            );
            queue.remove(&waiting[0]).unwrap();
            assert_eq!(
                queue.status("t", "vs_1").unwrap().status,
                RebuildStatus::Idle
            );
            assert_eq!(queue.waiting().unwrap().len(), 1);
        });
    }

    #[test]
    fn a_failure_stays_in_sight_until_somebody_asks_again() {
        with_queue(|queue| {
            queue.request("t", "vs_1", &asked(None, true)).unwrap();
            let mut queued = queue.waiting().unwrap().remove(0);
            queued.job = queued.job.failed("no such kind", true, now_ms());
            queue.update(&queued).unwrap();
            assert_eq!(queue.waiting().unwrap(), []);
            assert_eq!(
                queue.counts(),
                Counts {
                    queued: 0,
                    failed: 1
                }
            );
            let automatic = queue.request("t", "vs_1", &asked(None, true)).unwrap();
            assert_eq!(automatic.status, RebuildStatus::Failed);
            assert_eq!(automatic.message.as_deref(), Some("no such kind"));
            let wanted = queue.request("t", "vs_1", &asked(None, false)).unwrap();
            assert_eq!(wanted.status, RebuildStatus::Queued);
            // The old job's worker changes nothing of the new one.
            queue.update(&queued).unwrap();
            queue.remove(&queued).unwrap();
            assert_eq!(queue.waiting().unwrap().len(), 1);
        });
    }

    #[test]
    fn a_damaged_record_is_written_anew() {
        with_queue(|queue| {
            queue.own().put(&job_key("t", "vs_1"), b"not JSON").unwrap();
            assert_eq!(queue.waiting().unwrap(), []);
            queue.request("t", "vs_1", &asked(None, true)).unwrap();
            assert_eq!(queue.waiting().unwrap().len(), 1);
        });
    }
}
