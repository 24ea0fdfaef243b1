//! Looks, now and again, after what nobody else does: stores that nobody changes any more, and what
//! work that was cut off left behind.

mod daily;
mod stores;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

use dayfly_core::platform::Platform;
use dayfly_core::store::{self, Upkeep};
use dayfly_core::{ops, uploads};
use tokio::runtime::Handle;

use crate::identity::is_tenant;
use crate::storage::{Blocking, Failure, Storage, run_waiting};
use daily::Daily;
use stores::Stores;

/// Garbage is removed an hour after it was made, or a little later.
const PAUSE: Duration = Duration::from_secs(600);
/// A look at many stores lists much, so that it may take at most a hundredth of the time.
const REST: u32 = 100;
/// Deletions of a tenant that are gone on with in one look: as many as one listing tells of.
const DELETIONS: u32 = 1_000;
/// How long one look may go through a tenant's files.
const FILES: Duration = Duration::from_secs(5);

/// Looks after all tenants of a bucket; any number of hosts may.
pub struct Collector {
    storage: Storage,
    upkeep: Upkeep,
    tenants: HashMap<String, Tenant>,
    looks: u32,
}

/// What is known of a tenant from earlier looks.
#[derive(Default)]
struct Tenant {
    stores: Stores,
    files: Files,
}

/// How far the look through a tenant's files came.
#[derive(Default)]
struct Files {
    is_under_way: bool,
    place: Option<String>,
    daily: Daily,
}

impl Collector {
    /// Over a bucket.
    pub fn new(storage: &Storage, upkeep: Upkeep) -> Self {
        Self {
            storage: storage.clone(),
            upkeep,
            tenants: HashMap::new(),
            looks: 0,
        }
    }

    /// Looks for ever.
    pub async fn run(mut self) {
        loop {
            let begun = Instant::now();
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "what is left behind cannot be looked for");
            }
            tokio::time::sleep(PAUSE.max(begun.elapsed() * REST)).await;
        }
    }

    /// What stops it at one tenant, or one store, does not stop it for the others.
    async fn look(&mut self) -> Result<(), Failure> {
        let mut present = HashMap::new();
        for name in self.storage.folders_anywhere("").await? {
            if is_tenant(&name) {
                let mut tenant = self.tenants.remove(&name).unwrap_or_default();
                self.look_at(&name, &mut tenant).await;
                present.insert(name, tenant);
            }
        }
        self.tenants = present;
        self.looks = self.looks.saturating_add(1);
        Ok(())
    }

    async fn look_at(&self, name: &str, tenant: &mut Tenant) {
        let work = Work {
            collector: self,
            tenant: name,
        };
        work.step("deletions of stores stay unfinished", |platform| {
            store::finish_deletions(platform, DELETIONS)
        })
        .await;
        work.step("deletions of files stay unfinished", |platform| {
            ops::finish_file_deletions(platform, DELETIONS)
        })
        .await;
        work.step("files that expired stay", |platform| {
            ops::expire_files(platform, DELETIONS)
        })
        .await;
        work.step("uploads that expired stay", |platform| {
            uploads::collect(platform.objects, platform.now_ms() / 1_000)
        })
        .await;
        tenant.stores.look(&work).await;
        tenant.files.look(&work).await;
    }
}

impl Files {
    async fn look(&mut self, work: &Work<'_>) {
        let begun = Instant::now();
        if !self.is_under_way && !self.daily.is_due(work.collector.looks, begun) {
            return;
        }
        self.is_under_way = true;
        while self.is_under_way && begun.elapsed() < FILES {
            let place = self.place.clone();
            let scrubbed = work.step("what is left of files stays", move |platform| {
                ops::scrub_files(platform, place.as_deref())
            });
            let Some(next) = scrubbed.await else {
                // The next look tries again from there.
                return;
            };
            self.is_under_way = next.is_some();
            self.place = next;
        }
        if !self.is_under_way {
            self.daily.done(begun);
        }
    }
}

/// A look at one tenant.
struct Work<'a> {
    collector: &'a Collector,
    tenant: &'a str,
}

impl Work<'_> {
    /// Does a piece of it. What goes wrong is told, and `None` answered.
    async fn step<T: Send + 'static, E: Display + Send + 'static>(
        &self,
        otherwise: &str,
        work: impl FnOnce(Platform<'_>) -> Result<T, E> + Send + 'static,
    ) -> Option<T> {
        let objects = Blocking::new(&self.collector.storage, self.tenant, &Handle::current());
        let done = run_waiting(move || work(objects.platform())).await;
        let error = match done {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        tracing::warn!(error, tenant = self.tenant, "{otherwise} for now");
        None
    }
}
