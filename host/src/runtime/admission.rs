use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dayfly_core::error::ApiError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::options::LimitOptions;

/// Lets requests in one by one: so many at once in all and for each tenant, so many waiting.
pub struct Admission {
    all: Arc<Semaphore>,
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
    per_tenant: usize,
    waiting: AtomicU32,
    queue: u32,
    wait: Duration,
}

/// No instance became free in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Overloaded;

impl From<Overloaded> for ApiError {
    fn from(_: Overloaded) -> Self {
        let text =
            "As many requests as the server answers at once are under way; send it again later.";
        let mut error = Self::new(503, text).code("overloaded");
        error.retry_after_s = Some(1);
        error
    }
}

/// The right to one instance, while it lives.
pub struct Permit {
    slots: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    tenant: String,
    admission: Arc<Admission>,
}

struct Waiting<'a>(&'a AtomicU32);

impl Admission {
    /// With the limits' `instances`, `instances_per_tenant`, `queue` and `queue_wait_ms`.
    pub fn new(limits: &LimitOptions) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(limits.instances as usize)),
            tenants: Mutex::default(),
            per_tenant: limits.instances_per_tenant as usize,
            waiting: AtomicU32::new(0),
            queue: limits.queue,
            wait: Duration::from_millis(limits.queue_wait_ms),
        })
    }

    /// Waits for an instance, first within the tenant's share, so that what one tenant queues up
    /// holds back no other.
    pub async fn admit(self: &Arc<Self>, tenant: &str) -> Result<Permit, Overloaded> {
        // Made first, so that a tenant is forgotten also when the wait is broken off.
        let mut permit = Permit {
            slots: None,
            tenant: tenant.into(),
            admission: Arc::clone(self),
        };
        let share = self.share(tenant);
        let now = Arc::clone(&share)
            .try_acquire_owned()
            .ok()
            .and_then(|own| Some((own, Arc::clone(&self.all).try_acquire_owned().ok()?)));
        permit.slots = match now {
            Some(slots) => Some(slots),
            None => self.queue_up(share).await,
        };
        if permit.slots.is_none() {
            return Err(Overloaded);
        }
        Ok(permit)
    }

    async fn queue_up(
        &self,
        share: Arc<Semaphore>,
    ) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let place = Waiting(&self.waiting);
        if place.0.fetch_add(1, SeqCst) >= self.queue {
            return None;
        }
        let both = async {
            let own = share.acquire_owned().await.ok()?;
            Some((own, Arc::clone(&self.all).acquire_owned().await.ok()?))
        };
        tokio::time::timeout(self.wait, both).await.ok().flatten()
    }

    fn share(&self, tenant: &str) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = tenants.get(tenant) {
            return Arc::clone(share);
        }
        let share = Arc::new(Semaphore::new(self.per_tenant));
        tenants.insert(tenant.into(), Arc::clone(&share));
        share
    }

    /// An idle tenant costs nothing.
    fn forget(&self, tenant: &str) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = tenants
            .get(tenant)
            .is_some_and(|share| Arc::strong_count(share) == 1);
        if idle {
            tenants.remove(tenant);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.slots = None;
        self.admission.forget(&self.tenant);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(instances: u32, per_tenant: u32, queue: u32, wait_ms: u64) -> Arc<Admission> {
        Admission::new(&LimitOptions {
            instances,
            instances_per_tenant: per_tenant,
            queue,
            queue_wait_ms: wait_ms,
            ..LimitOptions::default()
        })
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let admission = admission(1, 1, 0, 60_000);
        let _held = admission.admit("a").await.ok().unwrap();
        assert_eq!(admission.admit("a").await.err(), Some(Overloaded));
    }

    #[tokio::test]
    async fn a_waiting_request_gets_the_slot_that_becomes_free() {
        let admission = admission(1, 1, 1, 60_000);
        let held = admission.admit("a").await.ok().unwrap();
        let (waiting, ()) = tokio::join!(admission.admit("a"), async { drop(held) });
        assert!(waiting.is_ok());
    }

    #[tokio::test]
    async fn waiting_ends_after_the_configured_time() {
        let admission = admission(1, 1, 1, 0);
        let _held = admission.admit("a").await.ok().unwrap();
        assert_eq!(admission.admit("b").await.err(), Some(Overloaded));
    }

    #[tokio::test]
    async fn one_tenant_cannot_take_the_share_of_another() {
        let admission = admission(2, 1, 0, 0);
        let _held = admission.admit("greedy").await.ok().unwrap();
        assert!(admission.admit("greedy").await.is_err());
        assert!(admission.admit("other").await.is_ok());
    }

    #[tokio::test]
    async fn idle_tenants_are_forgotten() {
        let admission = admission(2, 1, 0, 0);
        let first = admission.admit("a").await.ok().unwrap();
        assert!(admission.admit("a").await.is_err());
        assert_eq!(admission.tenants.lock().unwrap().len(), 1);
        drop(first);
        assert_eq!(admission.tenants.lock().unwrap().len(), 0);
    }
}
