//! How long this instance may work before it leaves the rest to the next one.

use std::time::Duration;

use dayfly_guest::clock;
use dayfly_guest::platform::{Need, needed};

/// The part of a step's time that requests under way may take beyond it.
const GRACE: u32 = 4;
/// The time that requests under way get when somebody waits for this instance.
const YIELDING: Duration = Duration::from_secs(1);

/// The time that this instance may work.
#[derive(Debug)]
pub struct Budget {
    /// Known from the beginning, and not only when somebody waits.
    is_limited: bool,
    /// When nothing new is begun, and when nothing is waited for any more, as [`clock::monotonic`]
    /// tells; `None` for never.
    limits: Option<(Duration, Duration)>,
    is_urgent: bool,
}

impl Budget {
    /// `step_ms` milliseconds from `begun` on, or all the time that it takes; ended early when the
    /// platform has others wait for this instance.
    pub fn new(begun: Duration, step_ms: Option<u64>) -> Self {
        let limits = step_ms.map(Duration::from_millis).map(|step| {
            let over = begun.saturating_add(step);
            (over, over.saturating_add(step / GRACE))
        });
        Self {
            is_limited: limits.is_some(),
            limits,
            is_urgent: false,
        }
    }

    /// Whether the instance was given no more than a step's time.
    pub fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Whether nothing new should be begun.
    pub fn is_over(&mut self) -> bool {
        let now = clock::monotonic();
        let is_over = self.limits.is_some_and(|(over, _)| now >= over);
        match needed() {
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
            .is_some_and(|(_, spent)| clock::monotonic() >= spent)
    }

    /// `wait`, or the time until it is spent where that is shorter.
    pub fn within(&self, wait: Duration) -> Duration {
        self.limits.map_or(wait, |(_, spent)| {
            wait.min(spent.saturating_sub(clock::monotonic()))
        })
    }
}
