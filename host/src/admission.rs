//! Letting requests in: by rate, and in turns by tenant. What runs them is `runtime`.

use std::sync::Arc;
use std::time::Duration;

use dayfly_core::api::{ApiError, Code};

use crate::identity::Principal;
use crate::options::LimitOptions;
use crate::quota::{Rates, Standing, TooMuch, UnderWay};
use crate::turns::{Overloaded, Place, Turns, Urgency};

/// Lets requests in, as fast as their tenant may send them: so many at once in all and of each tenant, in
/// turns by tenant, and so many waiting.
pub struct Admission {
    turns: Arc<Turns>,
    wait: Duration,
    rates: Arc<Rates>,
}

/// Why a request does not get in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The server is at its limits.
    Overloaded,
    /// Its tenant is.
    TooMuch(TooMuch),
}

/// The right to one instance, for one request.
pub struct Permit {
    place: Place,
    under_way: Option<UnderWay>,
}

/// What a request is, to those who let it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entrant {
    /// What else its tenant has waiting goes by it.
    pub urgency: Urgency,
    /// Whether it has text embedded before it is answered.
    pub embeds: bool,
}

impl Entrant {
    /// Which embeds nothing, and waits like most.
    pub const PLAIN: Self = Self {
        urgency: Urgency::Later,
        embeds: false,
    };
}

impl Permit {
    /// The instance's part, and the request's, which ends with its answer.
    pub fn split(self) -> (Place, Option<UnderWay>) {
        (self.place, self.under_way)
    }
}

impl From<Overloaded> for ApiError {
    fn from(_: Overloaded) -> Self {
        let text =
            "As many requests as the server answers at once are under way; send it again later.";
        Self::new(Code::Overloaded, text)
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Overloaded => Overloaded.into(),
            Refused::TooMuch(what) => what.into(),
        }
    }
}

impl Admission {
    /// With the limits' `instances`, `instances_per_tenant`, `queue` and `queue_wait_ms`, and the rates
    /// of tenants.
    pub fn new(limits: &LimitOptions, rates: &Arc<Rates>) -> Arc<Self> {
        Arc::new(Self {
            turns: Turns::keeping_some(
                limits.instances as usize,
                limits.instances_per_tenant as usize,
                limits.queue as usize,
            ),
            wait: Duration::from_millis(limits.queue_wait_ms),
            rates: Arc::clone(rates),
        })
    }

    /// Waits for an instance, so that what one tenant queues up holds back no other.
    ///
    /// Errors: [`Refused`] at once where its tenant is at a limit or as many wait as may, and where no
    /// instance becomes free in time.
    pub async fn admit(&self, principal: &Principal, entrant: Entrant) -> Result<Permit, Refused> {
        let begun = self.rates.begin(principal, entrant.embeds);
        let under_way = begun.map_err(Refused::TooMuch)?;
        let tenant = Arc::from(principal.tenant.as_str());
        let place = self.turns.take(&tenant, entrant.urgency);
        let place = tokio::time::timeout(self.wait, place).await;
        Ok(Permit {
            place: place.ok().and_then(Result::ok).ok_or(Refused::Overloaded)?,
            under_way,
        })
    }

    /// Where a tenant stands with its limits.
    pub fn standing(&self, principal: &Principal) -> Standing {
        self.rates.standing(principal)
    }

    /// Requests of a tenant that have an instance, and those that wait for one.
    pub fn of(&self, tenant: &str) -> (usize, usize) {
        self.turns.of(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::Quotas;

    async fn admit(admission: &Admission, tenant: &str) -> Result<Permit, Refused> {
        admission
            .admit(&Principal::full(tenant), Entrant::PLAIN)
            .await
    }

    fn admission(instances: u32, per_tenant: u32, queue: u32, wait_ms: u64) -> Arc<Admission> {
        let limits = LimitOptions {
            instances,
            instances_per_tenant: per_tenant,
            queue,
            queue_wait_ms: wait_ms,
            ..LimitOptions::default()
        };
        Admission::new(&limits, &Rates::new(Quotas::default()))
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let admission = admission(1, 1, 0, 60_000);
        let _held = admit(&admission, "a").await.ok().unwrap();
        let second = admit(&admission, "a").await;
        assert_eq!(second.err(), Some(Refused::Overloaded));
    }

    #[tokio::test]
    async fn a_waiting_request_gets_the_slot_that_becomes_free() {
        let admission = admission(1, 1, 1, 60_000);
        let held = admit(&admission, "a").await.ok().unwrap();
        let (waiting, ()) = tokio::join!(admit(&admission, "a"), async { drop(held) });
        assert!(waiting.is_ok());
    }

    #[tokio::test]
    async fn waiting_ends_after_the_configured_time() {
        let admission = admission(1, 1, 1, 0);
        let _held = admit(&admission, "a").await.ok().unwrap();
        let second = admit(&admission, "b").await;
        assert_eq!(second.err(), Some(Refused::Overloaded));
    }
}
