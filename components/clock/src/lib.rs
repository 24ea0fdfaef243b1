//! Time and randomness from WASI, which `core` takes as arguments.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use spin_executor::CancelOnDropToken;
use wasi::clocks::{monotonic_clock, wall_clock};

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds * 1_000 + u64::from(now.nanoseconds) / 1_000_000
}

/// Time since an arbitrary moment; never goes back.
pub fn monotonic() -> Duration {
    Duration::from_nanos(monotonic_clock::now())
}

/// Sixty-four random bits from the host.
pub fn random() -> u64 {
    wasi::random::random::get_random_u64()
}

/// Waits, and with it the whole instance.
pub fn pause(duration: Duration) {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanos).block();
}

/// Waits, while other futures of the instance go on.
pub async fn sleep(duration: Duration) {
    let end = monotonic() + duration;
    let mut registration: Option<CancelOnDropToken> = None;
    poll_fn(move |context| {
        let left = end.saturating_sub(monotonic());
        if left.is_zero() {
            return Poll::Ready(());
        }
        let nanos = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        let timer = monotonic_clock::subscribe_duration(nanos);
        let token = spin_executor::push_waker_and_get_token(timer, context.waker().clone());
        registration.replace(token.into());
        Poll::Pending
    })
    .await;
}

/// The future's output, or `None` when `limit` passes first; the future is dropped then.
pub async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let (future, timer) = (std::pin::pin!(future), std::pin::pin!(sleep(limit)));
    match futures::future::select(future, timer).await {
        futures::future::Either::Left((output, _)) => Some(output),
        futures::future::Either::Right(_) => None,
    }
}
