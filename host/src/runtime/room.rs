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

/// What is held for a tenant; it is given back when this is dropped.
pub struct Held {
    room: Arc<Room>,
    tenant: String,
    /// `None` once it is being dropped.
    own: Option<Arc<Semaphore>>,
    permits: Vec<OwnedSemaphorePermit>,
    bytes: usize,
    kib: usize,
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

    /// Holds nothing yet.
    pub fn hold(self: &Arc<Self>, tenant: &str) -> Held {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let own = tenants
            .entry(tenant.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(self.share)));
        Held {
            room: Arc::clone(self),
            tenant: tenant.to_owned(),
            own: Some(Arc::clone(own)),
            permits: Vec::new(),
            bytes: 0,
            kib: 0,
        }
    }

    /// Lets go of one that holds for a tenant; an idle tenant costs nothing.
    fn forget(&self, tenant: &str, own: Option<Arc<Semaphore>>) {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        drop(own);
        let is_idle = tenants
            .get(tenant)
            .is_some_and(|own| Arc::strong_count(own) == 1);
        if is_idle {
            tenants.remove(tenant);
        }
    }
}

impl Held {
    /// Holds so many bytes more, waiting for them for at most `patience`, first for the tenant's own:
    /// what one tenant waits for holds back no other. What is larger than the share gets in alone.
    pub async fn grow(&mut self, bytes: usize, patience: Duration) -> Result<(), Overloaded> {
        self.bytes += bytes;
        let wanted = self.bytes.div_ceil(KIB).min(self.room.share);
        let more = wanted.saturating_sub(self.kib);
        let Some(more) = u32::try_from(more).ok().filter(|more| *more > 0) else {
            return Ok(());
        };
        let both = async {
            let own = self.own.as_ref().map(Arc::clone)?;
            let own = own.acquire_many_owned(more).await.ok()?;
            let all = Arc::clone(&self.room.all)
                .acquire_many_owned(more)
                .await
                .ok()?;
            Some([own, all])
        };
        let got = tokio::time::timeout(patience, both).await.ok().flatten();
        self.permits.extend(got.ok_or(Overloaded)?);
        self.kib = wanted;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // They, too, keep the tenant's share.
        self.permits.clear();
        self.room.forget(&self.tenant, self.own.take());
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
        let mut greedy = room.hold("greedy");
        greedy.grow(3 * KIB, NOW).await.unwrap();
        let mut second = room.hold("greedy");
        assert_eq!(second.grow(2 * KIB, NOW).await, Err(Overloaded));
        let mut other = room.hold("other");
        other.grow(4 * KIB, NOW).await.unwrap();
        drop(greedy);
        let mut third = room.hold("greedy");
        third.grow(4 * KIB, NOW).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_larger_than_a_share_gets_in_alone() {
        let room = Room::new(8 * KIB, 4 * KIB);
        let mut large = room.hold("a");
        for _ in 0..100 {
            large.grow(KIB, NOW).await.unwrap();
        }
        assert_eq!(room.all.available_permits(), 4);
        assert!(room.hold("a").grow(1, NOW).await.is_err());
        drop(large);
        assert_eq!(room.all.available_permits(), 8);
        assert!(room.tenants.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn small_pieces_count_together() {
        let room = Room::new(8 * KIB, 8 * KIB);
        let mut held = room.hold("a");
        for _ in 0..KIB {
            held.grow(1, NOW).await.unwrap();
        }
        assert_eq!(room.all.available_permits(), 7);
    }

    #[tokio::test]
    async fn who_waits_gets_what_becomes_free() {
        let room = Room::new(4 * KIB, 4 * KIB);
        let mut first = room.hold("a");
        first.grow(4 * KIB, NOW).await.unwrap();
        let mut second = room.hold("a");
        let (waited, ()) = tokio::join!(second.grow(KIB, Duration::from_secs(60)), async {
            drop(first);
        });
        assert_eq!(waited, Ok(()));
    }
}
