use std::sync::Arc;
use std::time::Duration;

use dayfly_core::error::ApiError;

use super::turns::{Place, Turns, Urgency};
use crate::options::LimitOptions;

/// Lets requests in: so many at once in all and of each tenant, in turns by tenant, and so many waiting.
pub struct Admission {
    turns: Arc<Turns>,
    wait: Duration,
}

/// No instance became free in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Overloaded;

/// The right to one instance, while it lives.
pub type Permit = Place;

impl From<Overloaded> for ApiError {
    fn from(_: Overloaded) -> Self {
        let text =
            "As many requests as the server answers at once are under way; send it again later.";
        let mut error = Self::new(503, text).code("overloaded");
        error.retry_after_s = Some(1);
        error
    }
}

impl Admission {
    /// With the limits' `instances`, `instances_per_tenant`, `queue` and `queue_wait_ms`.
    pub fn new(limits: &LimitOptions) -> Arc<Self> {
        Arc::new(Self {
            turns: Turns::new(
                limits.instances as usize,
                limits.instances_per_tenant as usize,
                limits.queue as usize,
            ),
            wait: Duration::from_millis(limits.queue_wait_ms),
        })
    }

    /// Waits for an instance, so that what one tenant queues up holds back no other.
    ///
    /// Errors: [`Overloaded`] where none becomes free in time, or as many wait as may.
    pub async fn admit(&self, tenant: &str, urgency: Urgency) -> Result<Permit, Overloaded> {
        let tenant = Arc::from(tenant);
        let place = tokio::time::timeout(self.wait, self.turns.take(&tenant, urgency)).await;
        place.ok().and_then(Result::ok).ok_or(Overloaded)
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
        let _held = admission.admit("a", Urgency::Later).await.ok().unwrap();
        let second = admission.admit("a", Urgency::Later).await;
        assert_eq!(second.err(), Some(Overloaded));
    }

    #[tokio::test]
    async fn a_waiting_request_gets_the_slot_that_becomes_free() {
        let admission = admission(1, 1, 1, 60_000);
        let held = admission.admit("a", Urgency::Later).await.ok().unwrap();
        let (waiting, ()) =
            tokio::join!(admission.admit("a", Urgency::Later), async { drop(held) });
        assert!(waiting.is_ok());
    }

    #[tokio::test]
    async fn waiting_ends_after_the_configured_time() {
        let admission = admission(1, 1, 1, 0);
        let _held = admission.admit("a", Urgency::Later).await.ok().unwrap();
        let second = admission.admit("b", Urgency::Later).await;
        assert_eq!(second.err(), Some(Overloaded));
    }
}
