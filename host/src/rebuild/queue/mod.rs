//! The queue of rebuilds: durable records, each named by its job, which any number of hosts share.
//!
//! Nothing depends on their being up to date. What a rebuild brings is decided by the store's own
//! claims; a record that comes back, or one too many, costs a needless try at worst.

mod noted;
mod records;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use dayfly_core::api::{ApiError, RebuildObject, RebuildRequest};
use dayfly_core::home::INCARNATION_PREFIX;
use dayfly_core::ids;
use dayfly_core::objects::{ObjectError, Objects};
use dayfly_core::platform::Clock;
use dayfly_core::rebuild::{Job, JobState};
use dayfly_core::store;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::storage::{Blocking, OWN_FOLDER, Storage, SystemClock, now_ms};
pub use noted::Noted;
use noted::described;
use records::{FOLDER, Place, by_job, former, store_folder};

/// How long it is remembered that a job has ended: whoever writes its record later than that has
/// been away for longer than any request takes.
const ENDED_MS: u64 = 86_400_000;

/// The rebuilds that were asked for, of all tenants. All methods but [`woken`](Self::woken) block.
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

impl Queued {
    /// The folder of the attempts at it, among the objects of [`Queue::own`].
    pub fn attempts(&self) -> String {
        self.place().attempts()
    }

    fn place(&self) -> Place {
        Place {
            tenant: self.tenant.clone(),
            store: self.store.clone(),
            id: self.job.id.clone(),
        }
    }
}

/// Jobs at the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Waiting, or under way.
    pub queued: u64,
    /// Given up.
    pub failed: u64,
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

    /// Where the records are.
    pub fn own(&self) -> Blocking {
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
        match self.newest(tenant, store)? {
            Some(present) if !present.job.gives_way(request.automatic, now_ms) => {
                if request.automatic || present.job.is_due(now_ms) {
                    return self.status(tenant, store);
                }
                self.write(&Queued {
                    job: present.job.hurried(),
                    ..present
                })?;
            }
            failed => {
                if let Some(failed) = failed {
                    self.end(&failed)?;
                }
                self.create(tenant, store, request.factory.clone())?;
            }
        }
        self.wake.notify_one();
        self.status(tenant, store)
    }

    /// Of all jobs of a store the new one is the newest, whatever other hosts' clocks say.
    fn create(&self, tenant: &str, store: &str, factory: Option<String>) -> Result<(), ApiError> {
        let now_ms = now_ms();
        let listed = self.own().list_all(&store_folder(tenant, store))?;
        let newest = by_job(listed).into_keys().next_back();
        let newest_ms = newest.and_then(|newest| ids::made_ms(&newest.id, ""));
        let made_ms = newest_ms.map_or(now_ms, |newest| now_ms.max(newest.saturating_add(1)));
        self.write(&Queued {
            tenant: tenant.to_owned(),
            store: store.to_owned(),
            job: Job::new(
                ids::time_ordered("", made_ms, SystemClock.random()),
                factory,
                now_ms,
            ),
        })
    }

    /// Where a store's rebuild stands.
    pub fn status(&self, tenant: &str, store: &str) -> Result<RebuildObject, ApiError> {
        let newest = self.newest(tenant, store)?;
        let noted = match &newest {
            // What was noted of a try that has failed is nothing that goes on.
            Some(queued) if queued.job.is_due(now_ms()) => self.noted(queued)?,
            _ => None,
        };
        let job = newest.as_ref().map(|queued| &queued.job);
        Ok(described(store, job, noted.as_ref()))
    }

    /// Every job that waits, or is under way, of each store the newest; in turns by tenant, each
    /// tenant's oldest first: who has many waits for himself.
    pub fn waiting(&self) -> Result<Vec<Queued>, ApiError> {
        let open = self.open()?;
        let is_waiting = |queued: &Queued| queued.job.state == JobState::Queued;
        let (mut waiting, failed): (Vec<Queued>, Vec<Queued>) =
            open.into_iter().partition(is_waiting);
        in_turns(&mut waiting);
        self.queued.store(waiting.len() as u64, Relaxed);
        self.failed.store(failed.len() as u64, Relaxed);
        Ok(waiting)
    }

    /// Removes jobs whose store was deleted, and failures of a former life of it.
    pub fn remove_orphans(&self) -> Result<(), ApiError> {
        for queued in self.open()? {
            let objects = self.tenant(&queued.tenant);
            let newest = store::current(objects.platform(), &queued.store)?;
            let is_orphan = match newest {
                None => true,
                Some(newest) => {
                    let began_ms = ids::made_ms(&newest.incarnation, INCARNATION_PREFIX);
                    let is_former = began_ms.is_some_and(|began| queued.job.requested_ms < began);
                    is_former && queued.job.state == JobState::Failed
                }
            };
            if is_orphan {
                self.end(&queued)?;
            }
        }
        Ok(())
    }

    /// The newest job of each store that has not ended. Clears away what is left of those that
    /// have.
    fn open(&self) -> Result<Vec<Queued>, ApiError> {
        let own = self.own();
        let listed = own.list_all(FOLDER)?;
        for meta in &listed {
            if let Some((tenant, store)) = former(&meta.key) {
                self.move_over(&meta.key, tenant, store)?;
            }
        }
        let mut newest: Vec<Queued> = Vec::new();
        for (place, seen) in by_job(listed) {
            if !seen.is_open() {
                own.delete_many(&seen.keys)?;
                if seen.ended_ms.is_some_and(|at| at + ENDED_MS <= now_ms()) {
                    own.delete(&place.end())?;
                }
                continue;
            }
            let Some(queued) = self.job(place)? else {
                continue;
            };
            let is_same =
                |last: &Queued| (&last.tenant, &last.store) == (&queued.tenant, &queued.store);
            newest.pop_if(|last| is_same(last));
            newest.push(queued);
        }
        Ok(newest)
    }

    /// Gives a job a folder that was kept as the only one of its store.
    fn move_over(&self, key: &str, tenant: &str, store: &str) -> Result<(), ApiError> {
        if let Some(job) = self.read(key)? {
            let (tenant, store) = (tenant.to_owned(), store.to_owned());
            self.write(&Queued { tenant, store, job })?;
        }
        Ok(self.own().delete(key)?)
    }

    fn newest(&self, tenant: &str, store: &str) -> Result<Option<Queued>, ApiError> {
        let listed = self.own().list_all(&store_folder(tenant, store))?;
        let open = by_job(listed).into_iter().rev();
        for (place, _) in open.filter(|(_, seen)| seen.is_open()) {
            if let Some(queued) = self.job(place)? {
                return Ok(Some(queued));
            }
        }
        Ok(None)
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

    /// Replaces a job's record, unless it has ended or somebody asked for it anew meanwhile.
    pub fn update(&self, queued: &Queued) -> Result<(), ApiError> {
        let place = queued.place();
        match self.own().head(&place.end()) {
            Err(ObjectError::NotFound) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let is_current = |present: &Queued| present.job.rounds <= queued.job.rounds;
        match self.job(place)?.is_some_and(|present| is_current(&present)) {
            true => self.write(queued),
            false => Ok(()),
        }
    }

    /// Ends a job, and those of the same store that were asked for before it: whatever becomes of
    /// their records, nobody works on them from here on.
    pub fn end(&self, queued: &Queued) -> Result<(), ApiError> {
        let (own, place) = (self.own(), queued.place());
        let listed = own.list_all(&store_folder(&queued.tenant, &queued.store))?;
        let mut jobs = by_job(listed);
        jobs.entry(place.clone()).or_default();
        for (place, seen) in jobs.into_iter().take_while(|(other, _)| *other <= place) {
            match own.put_new(&place.end(), b"{}") {
                Ok(()) | Err(ObjectError::AlreadyExists) => {}
                Err(error) => return Err(error.into()),
            }
            own.delete_many(&seen.keys)?;
        }
        Ok(())
    }

    /// Notes how far a job is.
    pub fn note(&self, queued: &Queued, noted: &Noted) -> Result<(), ApiError> {
        let data = serde_json::to_vec(noted).map_err(unwritable)?;
        Ok(self.own().put(&queued.place().progress(), &data)?)
    }

    fn write(&self, queued: &Queued) -> Result<(), ApiError> {
        let data = serde_json::to_vec(&queued.job).map_err(unwritable)?;
        Ok(self.own().put(&queued.place().job(), &data)?)
    }

    fn job(&self, place: Place) -> Result<Option<Queued>, ApiError> {
        let job: Option<Job> = self.read(&place.job())?;
        let Place { tenant, store, id } = place;
        Ok(job
            .filter(|job| job.id == id)
            .map(|job| Queued { tenant, store, job }))
    }

    fn noted(&self, queued: &Queued) -> Result<Option<Noted>, ApiError> {
        let noted: Option<Noted> = self.read(&queued.place().progress())?;
        Ok(noted.filter(Noted::is_fresh))
    }

    /// A record that cannot be read is as good as none: the next request writes another.
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

fn in_turns(waiting: &mut [Queued]) {
    waiting.sort_by_key(|queued| queued.job.requested_ms);
    let mut before: BTreeMap<String, usize> = BTreeMap::new();
    let mut turns: HashMap<Place, usize> = HashMap::new();
    for queued in waiting.iter() {
        let turn = before.entry(queued.tenant.clone()).or_default();
        turns.insert(queued.place(), *turn);
        *turn += 1;
    }
    // Stable: within a turn whoever asked first.
    waiting.sort_by_key(|queued| turns.get(&queued.place()).copied());
}

fn unwritable(fault: serde_json::Error) -> ApiError {
    ApiError::plain(
        500,
        format!("The rebuild's record cannot be written: {fault}."),
    )
}
