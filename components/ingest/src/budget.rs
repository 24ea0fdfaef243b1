use std::time::Duration;

use dayfly_guest::clock;

/// The part of a step's time that requests under way may take beyond it.
const GRACE: u32 = 4;

/// The time that this instance may work.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// When nothing new is begun, and when nothing is waited for any more, as [`clock::monotonic`]
    /// tells; `None` for never.
    limits: Option<(Duration, Duration)>,
}

impl Budget {
    /// `step_ms` milliseconds from `begun` on, or all the time that it takes.
    pub fn new(begun: Duration, step_ms: Option<u64>) -> Self {
        let limits = step_ms.map(Duration::from_millis).map(|step| {
            let over = begun.saturating_add(step);
            (over, over.saturating_add(step / GRACE))
        });
        Self { limits }
    }

    /// Whether there is a limit at all.
    pub fn is_limited(&self) -> bool {
        self.limits.is_some()
    }

    /// Whether nothing new should be begun.
    pub fn is_over(&self) -> bool {
        self.limits
            .is_some_and(|(over, _)| clock::monotonic() >= over)
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
