//! CPU time, taken in turns by tenant.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::limits::Usage;
use crate::turns::{Full, Place, Turns, Urgency};

/// A turn costs as much at the least, so that nobody has any number of them.
const LEAST_NS: u64 = 1_000;

/// The CPU budget is spent.
#[derive(Debug, PartialEq, Eq)]
pub struct CpuSpent;

type Turn = Pin<Box<dyn Future<Output = Result<Place, Full>> + Send>>;

/// A tenant's share of the processors: as many guests compute at once as there are, and tenants take
/// turns, however many instances they have.
pub struct Share {
    turns: Arc<Turns>,
    tenant: Arc<str>,
    urgency: Urgency,
    waiting: Option<Turn>,
}

/// A future that counts the CPU time of its polls, each in its tenant's turn, and ends when a budget is
/// spent.
///
/// A guest runs within a poll and is made to yield at every epoch tick, so it passes its budget
/// by at most a tick.
pub struct Metered<F> {
    inner: Pin<Box<F>>,
    budget_ns: u64,
    usage: Arc<Usage>,
    share: Share,
}

/// The processors, for as many guests at once.
pub fn processors() -> Arc<Turns> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Turns::by_cost(processors)
}

impl Share {
    /// Of a tenant, for an instance.
    pub fn new(turns: &Arc<Turns>, tenant: &str, urgency: Urgency) -> Self {
        Self {
            turns: Arc::clone(turns),
            tenant: tenant.into(),
            urgency,
            waiting: None,
        }
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Option<Place>> {
        if self.waiting.is_none() {
            if let Some(place) = self.turns.take_now(&self.tenant, self.urgency) {
                return Poll::Ready(Some(place));
            }
            let (turns, tenant) = (Arc::clone(&self.turns), Arc::clone(&self.tenant));
            let urgency = self.urgency;
            let wait = async move { turns.take(&tenant, urgency).await };
            self.waiting = Some(Box::pin(wait));
        }
        let Some(waiting) = &mut self.waiting else {
            return Poll::Ready(None);
        };
        let place = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(place.ok())
    }
}

impl<F: Future> Metered<F> {
    /// Meters `inner` into `usage`.
    pub fn new(inner: F, budget: Duration, usage: Arc<Usage>, share: Share) -> Self {
        let budget_ns = u64::try_from(budget.as_nanos()).unwrap_or(u64::MAX);
        Self {
            inner: Box::pin(inner),
            budget_ns,
            usage,
            share,
        }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = Result<F::Output, CpuSpent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let turn = ready!(self.share.poll_turn(cx));
        let before = thread_cpu_ns();
        let polled = self.inner.as_mut().poll(cx);
        let spent = thread_cpu_ns().saturating_sub(before);
        let total = self.usage.add_cpu_ns(spent);
        if let Some(turn) = turn {
            turn.spend(spent.max(LEAST_NS));
        }
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
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    fn share() -> Share {
        Share::new(&processors(), "a", Urgency::Later)
    }

    #[tokio::test]
    async fn a_future_that_computes_for_ever_ends_with_its_budget() {
        let endless = std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            std::hint::black_box((0..10_000_u64).sum::<u64>());
            Poll::<()>::Pending
        });
        let usage = Arc::new(Usage::default());
        let budget = Duration::from_millis(5);
        let metered = Metered::new(endless, budget, Arc::clone(&usage), share());
        assert_eq!(metered.await, Err(CpuSpent));
        assert!(usage.cpu_ns() > 5_000_000);
    }

    #[tokio::test]
    async fn waiting_costs_no_budget() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let usage = Arc::new(Usage::default());
        let metered = Metered::new(receiver, Duration::from_secs(1), usage, share());
        tokio::spawn(async move { sender.send(7) });
        assert_eq!(metered.await, Ok(Ok(7)));
    }

    /// Polled `left` times, each time computing for a while.
    async fn computing(left: usize, polls: Arc<AtomicUsize>) -> usize {
        for _ in 0..left {
            polls.fetch_add(1, SeqCst);
            std::hint::black_box((0..20_000_u64).sum::<u64>());
            let mut has_yielded = false;
            std::future::poll_fn(|cx| {
                cx.waker().wake_by_ref();
                match std::mem::replace(&mut has_yielded, true) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
        }
        polls.load(SeqCst)
    }

    #[tokio::test]
    async fn a_tenant_with_one_instance_computes_about_as_often_as_one_with_many() {
        let turns = Turns::by_cost(1);
        let polls = Arc::new(AtomicUsize::new(0));
        let start = |tenant: &str, left| {
            let share = Share::new(&turns, tenant, Urgency::Later);
            let work = computing(left, Arc::clone(&polls));
            let budget = Duration::from_secs(3_600);
            Metered::new(work, budget, Arc::default(), share)
        };
        // Nobody computes before all of them wait.
        let hold = turns.take_now(&"x".into(), Urgency::Later);
        let others: Vec<_> = (0..50)
            .map(|_| tokio::spawn(start("greedy", 100)))
            .collect();
        let one = tokio::spawn(start("other", 100));
        tokio::task::yield_now().await;
        drop(hold);
        let all = one.await.unwrap().unwrap();
        assert!(all < 1_000, "{all} polls for its 100");
        for other in others {
            other.await.unwrap().unwrap();
        }
    }
}
