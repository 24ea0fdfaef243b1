//! Memory that is held on behalf of tenants.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::turns::Overloaded;

/// The unit in which bytes are counted.
const KIB: usize = 1 << 10;

/// Memory for what is held on behalf of tenants: so much in all, and so much of each.
pub struct Room {
    all: Arc<Semaphore>,
    tenants: Mutex<HashMap<String, Arc<Semaphore>>>,
    /// Of each tenant, in KiB.
    share: usize,
}

/// What is held for a tenant; it is given back when this is dropped. It can become less, never more: who
/// held something and waited for more could wait for one that does the same.
pub struct Held {
    room: Arc<Room>,
    tenant: String,
    /// Of the tenant's own, and of all; `None` once it is being dropped.
    permits: Option<[OwnedSemaphorePermit; 2]>,
}

impl Room {
    /// With so many bytes, of which a tenant may have `share`.
    pub fn new(bytes: usize, share: usize) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(bytes / KIB)),
            tenants: Mutex::default(),
            share: share.min(bytes) / KIB,
        })
    }

    /// Takes so many bytes, all at once, waiting for them for at most `patience`, first for the tenant's
    /// own: what one tenant waits for holds back no other. What is larger than the share gets in alone.
    pub async fn take(
        self: &Arc<Self>,
        tenant: &str,
        bytes: usize,
        patience: Duration,
    ) -> Result<Held, Overloaded> {
        let mut held = Held {
            room: Arc::clone(self),
            tenant: tenant.to_owned(),
            permits: None,
        };
        let (own, kib) = (self.own(tenant), self.charged(bytes));
        let both = async {
            let own = own.acquire_many_owned(kib).await.ok()?;
            let all = Arc::clone(&self.all).acquire_many_owned(kib).await.ok()?;
            Some([own, all])
        };
        held.permits = tokio::time::timeout(patience, both).await.ok().flatten();
        match held.permits {
            Some(_) => Ok(held),
            None => Err(Overloaded),
        }
    }

    fn own(&self, tenant: &str) -> Arc<Semaphore> {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let own = tenants
            .entry(tenant.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(self.share)));
        Arc::clone(own)
    }

    /// For so many bytes, in KiB.
    fn charged(&self, bytes: usize) -> u32 {
        let kib = bytes.div_ceil(KIB).min(self.share);
        u32::try_from(kib).unwrap_or(u32::MAX)
    }

    /// Lets go of one that holds for a tenant; an idle tenant costs nothing.
    fn forget(&self, tenant: &str) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let is_idle = tenants
            .get(tenant)
            .is_some_and(|own| Arc::strong_count(own) == 1);
        if is_idle {
            tenants.remove(tenant);
        }
    }
}

impl Held {
    /// Gives back all but so many bytes.
    pub fn keep(&mut self, bytes: usize) {
        let kept = self.room.charged(bytes) as usize;
        for permit in self.permits.iter_mut().flatten() {
            let excess = permit.num_permits().saturating_sub(kept);
            drop(permit.split(excess));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // They, too, keep the tenant's share.
        self.permits = None;
        self.room.forget(&self.tenant);
    }
}

/// An answer's body, with what is held until all of it is sent.
pub struct Charged<B, H = Held> {
    /// The body.
    pub inner: B,
    /// What it takes.
    pub held: H,
}

impl<B: Body + Unpin, H: Unpin> Body for Charged<B, H> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[tokio::test]
    async fn a_tenant_has_no_more_than_its_share_and_others_have_theirs() {
        let room = Room::new(10 * KIB, 4 * KIB);
        let greedy = room.take("greedy", 3 * KIB, NOW).await.unwrap();
        assert!(room.take("greedy", 2 * KIB, NOW).await.is_err());
        let _other = room.take("other", 4 * KIB, NOW).await.unwrap();
        drop(greedy);
        room.take("greedy", 4 * KIB, NOW).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_larger_than_a_share_gets_in_alone() {
        let room = Room::new(8 * KIB, 4 * KIB);
        let large = room.take("a", 100 * KIB, NOW).await.unwrap();
        assert_eq!(room.all.available_permits(), 4);
        assert!(room.take("a", 1, NOW).await.is_err());
        drop(large);
        assert_eq!(room.all.available_permits(), 8);
        assert!(room.tenants.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_not_needed_after_all_is_given_back() {
        let room = Room::new(8 * KIB, 8 * KIB);
        let mut held = room.take("a", 8 * KIB, NOW).await.unwrap();
        held.keep(KIB + 1);
        assert_eq!(room.all.available_permits(), 6);
        held.keep(5 * KIB);
        assert_eq!(room.all.available_permits(), 6);
        let _second = room.take("a", 6 * KIB, NOW).await.unwrap();
        drop(held);
        assert_eq!(room.all.available_permits(), 2);
    }

    #[tokio::test]
    async fn who_waits_gets_what_becomes_free() {
        let room = Room::new(4 * KIB, 4 * KIB);
        let first = room.take("a", 4 * KIB, NOW).await.unwrap();
        let (waited, ()) = tokio::join!(room.take("a", KIB, Duration::from_secs(60)), async {
            drop(first);
        });
        waited.unwrap();
        assert!(room.tenants.lock().unwrap().is_empty());
    }
}
