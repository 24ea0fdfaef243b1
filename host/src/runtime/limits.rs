use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Error, ResourceLimiter};

/// Elements of all tables of an instance: functions that are called indirectly.
const MAX_TABLE_ELEMENTS: usize = 65_536;

/// What one instance may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceLimits {
    /// Linear memory, all memories together.
    pub memory_bytes: u64,
    /// CPU time.
    pub cpu: Duration,
    /// Life time.
    pub wall: Duration,
    /// Outbound HTTP requests.
    pub outbound_requests: u32,
}

/// What one instance has used so far; shared with those who report it.
#[derive(Debug, Default)]
pub struct Usage {
    memory_peak: AtomicU64,
    memory_refused: AtomicBool,
    cpu_ns: AtomicU64,
}

impl Usage {
    /// The most linear memory at any time, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.memory_peak.load(Relaxed)
    }

    /// Whether it asked for more memory than its limit.
    pub fn memory_refused(&self) -> bool {
        self.memory_refused.load(Relaxed)
    }

    /// CPU time in nanoseconds.
    pub fn cpu_ns(&self) -> u64 {
        self.cpu_ns.load(Relaxed)
    }
}

/// Refuses memory past the limit, summed over all memories of a store.
#[derive(Debug)]
pub struct MemoryLimiter {
    limit: u64,
    used: u64,
    growing: u64,
    usage: Arc<Usage>,
}

impl MemoryLimiter {
    /// Reports to `usage`.
    pub fn new(limit: u64, usage: Arc<Usage>) -> Self {
        Self {
            limit,
            used: 0,
            growing: 0,
            usage,
        }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, Error> {
        self.growing = desired.saturating_sub(current) as u64;
        if self.used + self.growing > self.limit {
            self.growing = 0;
            self.usage.memory_refused.store(true, Relaxed);
            return Ok(false);
        }
        self.used += self.growing;
        self.usage.memory_peak.fetch_max(self.used, Relaxed);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: Error) -> Result<(), Error> {
        self.used -= std::mem::take(&mut self.growing);
        self.usage.memory_refused.store(true, Relaxed);
        Ok(())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> Result<bool, Error> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }
}

/// The CPU budget is spent.
#[derive(Debug, PartialEq, Eq)]
pub struct CpuSpent;

/// A future that counts the CPU time of its polls and ends when a budget is spent.
///
/// A guest runs within a poll and is made to yield at every epoch tick, so it passes its budget
/// by at most a tick.
pub struct Metered<F> {
    inner: Pin<Box<F>>,
    budget_ns: u64,
    usage: Arc<Usage>,
}

impl<F: Future> Metered<F> {
    /// Meters `inner` into `usage`.
    pub fn new(inner: F, budget: Duration, usage: Arc<Usage>) -> Self {
        let budget_ns = u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX);
        Self {
            inner: Box::pin(inner),
            budget_ns,
            usage,
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = Result<F::Output, CpuSpent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let before = thread_cpu_ns();
        let polled = self.inner.as_mut().poll(cx);
        let spent = thread_cpu_ns().saturating_sub(before);
        let total = self.usage.cpu_ns.fetch_add(spent, Relaxed) + spent;
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if total > self.budget_ns => Poll::Ready(Err(CpuSpent)),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (time.tv_sec.max(0) as u64, time.tv_nsec.max(0) as u64);
    seconds * 1_000_000_000 + nanoseconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_summed_over_all_memories_and_its_peak_kept() {
        let usage = Arc::new(Usage::default());
        let mut limiter = MemoryLimiter::new(1000, Arc::clone(&usage));
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(limiter.memory_growing(0, 500, None).unwrap());
        assert!(!usage.memory_refused());
        assert!(!limiter.memory_growing(400, 501, None).unwrap());
        assert!(usage.memory_refused());
        assert!(limiter.memory_growing(400, 500, None).unwrap());
        assert_eq!(usage.memory_peak(), 1000);
    }

    #[test]
    fn a_growth_that_failed_is_not_counted() {
        let usage = Arc::new(Usage::default());
        let mut limiter = MemoryLimiter::new(1000, usage);
        assert!(limiter.memory_growing(0, 900, None).unwrap());
        limiter.memory_grow_failed(Error::msg("no")).unwrap();
        assert!(limiter.memory_growing(0, 1000, None).unwrap());
    }

    #[tokio::test]
    async fn a_future_that_computes_for_ever_ends_with_its_budget() {
        let endless = std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            std::hint::black_box((0..10_000_u64).sum::<u64>());
            Poll::<()>::Pending
        });
        let usage = Arc::new(Usage::default());
        let metered = Metered::new(endless, Duration::from_millis(5), Arc::clone(&usage));
        assert_eq!(metered.await, Err(CpuSpent));
        assert!(usage.cpu_ns() > 5_000_000);
    }

    #[tokio::test]
    async fn waiting_costs_no_budget() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let usage = Arc::new(Usage::default());
        let metered = Metered::new(receiver, Duration::from_secs(1), usage);
        tokio::spawn(async move { sender.send(7) });
        assert_eq!(metered.await, Ok(Ok(7)));
    }
}
