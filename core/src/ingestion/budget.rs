//! How long a step may take before the rest is left to the next one.

use std::time::Duration;

use super::surroundings::{Need, Surroundings};

/// The part of a step's time that requests under way may take beyond it.
const GRACE: u32 = 4;
/// The time that requests under way get when somebody waits.
const YIELDING: Duration = Duration::from_secs(1);

/// The time that a step may take.
#[derive(Debug)]
pub struct Budget<S> {
    surroundings: S,
    /// Known from the beginning, and not only when somebody waits.
    is_limited: bool,
    /// When nothing new is begun, and when nothing is waited for any more, as
    /// [`Surroundings::monotonic`] tells; `None` for never.
    limits: Option<(Duration, Duration)>,
    is_urgent: bool,
}

impl<S: Surroundings> Budget<S> {
    /// `step_ms` milliseconds from `begun` on, or all the time that it takes; ended early when others
    /// wait.
    pub fn new(surroundings: S, begun: Duration, step_ms: Option<u64>) -> Self {
        let limits = step_ms.map(Duration::from_millis).map(|step| {
            let over = begun.saturating_add(step);
            (over, over.saturating_add(step / GRACE))
        });
        Self {
            surroundings,
            is_limited: limits.is_some(),
            limits,
            is_urgent: false,
        }
    }

    /// Time, and others who wait.
    pub fn surroundings(&self) -> &S {
        &self.surroundings
    }

    /// Whether it was bounded from the beginning.
    pub fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Whether nothing new should be begun.
    pub fn is_over(&mut self) -> bool {
        let now = self.surroundings.monotonic();
        let is_over = self.limits.is_some_and(|(over, _)| now >= over);
        match self.surroundings.needed() {
            Need::None => is_over,
            Need::Some if is_over => true,
            Need::Some => {
                self.limits = Some((now, now.saturating_add(YIELDING)));
                true
            }
            Need::Urgent => {
                self.limits = Some((now, now));
                self.is_urgent = true;
                true
            }
        }
    }

    /// Whether to stop wherever the work stands.
    pub fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    /// Whether nothing should be waited for any more.
    pub fn is_spent(&self) -> bool {
        self.limits
            .is_some_and(|(_, spent)| self.surroundings.monotonic() >= spent)
    }

    /// `wait`, or the time until it is spent where that is shorter.
    pub fn within(&self, wait: Duration) -> Duration {
        self.limits.map_or(wait, |(_, spent)| {
            wait.min(spent.saturating_sub(self.surroundings.monotonic()))
        })
    }
}
