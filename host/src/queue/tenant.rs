//! One tenant's jobs.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Job;

/// Jobs of one tenant that are known at once. More are left where they are, in the bucket.
pub(super) const MOST: usize = 1_000;
/// With so few left more are fetched.
const FEW: usize = MOST / 2;

/// What is known of a tenant's jobs, and what it has had.
#[derive(Debug, Default)]
pub(super) struct Tenant {
    /// Time that its jobs held places, or that it was set ahead to when it came anew.
    pub(super) used: Duration,
    /// Its turns under way, by their numbers.
    turns: Vec<(u64, Instant)>,
    /// Those that have not gone on for long yet.
    fresh: VecDeque<Waiting>,
    /// Those that gave way to others.
    begun: VecDeque<Waiting>,
    /// Jobs that wait for a time.
    pub(super) sleeping: usize,
    /// What was found and did not fit.
    pub(super) overflow: Option<Overflow>,
    pub(super) is_starved: bool,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    since: Instant,
}

/// More of a tenant's jobs are in the bucket than are known.
#[derive(Debug, Default)]
pub(super) struct Overflow {
    /// Those after this key have not been looked at; from the first one on where there is none.
    pub(super) after: Option<String>,
    /// One was refused that may be before it.
    pub(super) again: bool,
}

impl Tenant {
    /// Place time that it has had by `now`.
    pub(super) fn used(&self, now: Instant) -> Duration {
        let held = self.turns.iter().map(|(_, began)| now - *began);
        held.fold(self.used, Duration::saturating_add)
    }

    /// Whether it holds or wants a place.
    pub(super) fn is_active(&self) -> bool {
        self.has_turns() || self.waits()
    }

    pub(super) fn has_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    pub(super) fn waits(&self) -> bool {
        self.waiting() > 0
    }

    pub(super) fn waiting(&self) -> usize {
        self.fresh.len() + self.begun.len()
    }

    /// Since when one of its jobs waits that gave way.
    pub(super) fn begun_since(&self) -> Option<Instant> {
        self.begun.front().map(|first| first.since)
    }

    pub(super) fn is_known(&self) -> bool {
        self.is_active() || self.sleeping > 0 || self.overflow.is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting() + self.turns.len() >= MOST
    }

    /// Whether more jobs should be fetched.
    pub(super) fn is_short(&self) -> bool {
        self.overflow.is_some() && self.waiting() + self.turns.len() <= FEW
    }

    pub(super) fn wait(&mut self, job: Job, has_begun: bool, since: Instant) {
        let queue = match has_begun {
            true => &mut self.begun,
            false => &mut self.fresh,
        };
        queue.push_back(Waiting { job, since });
    }

    /// Since when its next job waits.
    pub(super) fn next_since(&self, only_fresh: bool) -> Option<Instant> {
        let since = |queue: &VecDeque<Waiting>| queue.front().map(|first| first.since);
        let begun = since(&self.begun).filter(|_| !only_fresh);
        since(&self.fresh).into_iter().chain(begun).min()
    }

    /// Its next job: the one that has waited longest.
    pub(super) fn next(&mut self, only_fresh: bool) -> Option<Job> {
        let next = self.next_since(only_fresh)?;
        let is_fresh = self.fresh.front().is_some_and(|first| first.since == next);
        let queue = match is_fresh {
            true => &mut self.fresh,
            false => &mut self.begun,
        };
        queue.pop_front().map(|waiting| waiting.job)
    }

    /// Since when the one that has waited longest does.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.next_since(false)
    }

    pub(super) fn begin(&mut self, number: u64, now: Instant) {
        self.turns.push((number, now));
    }

    pub(super) fn turns(&self) -> usize {
        self.turns.len()
    }

    /// Ends a turn; answers how long it held its place.
    pub(super) fn end(&mut self, number: u64, now: Instant) -> Duration {
        let Some(at) = self.turns.iter().position(|(own, _)| *own == number) else {
            return Duration::ZERO;
        };
        let (_, began) = self.turns.swap_remove(at);
        let held = now - began;
        self.used = self.used.saturating_add(held);
        held
    }
}
