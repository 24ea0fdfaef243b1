//! What is done once a day.

use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(86_400);
/// A server that is started again and again is not to spend its time with that.
const FIRST_LOOK: u32 = 24;

/// When something was done last that is done once a day: at first not before a server has looked
/// around for some hours.
#[derive(Debug, Clone, Copy, Default)]
pub struct Daily(Option<Instant>);

impl Daily {
    /// Whether to do it, at a look of that number.
    pub fn is_due(self, look: u32, now: Instant) -> bool {
        match self.0 {
            Some(last) => now.duration_since(last) >= DAY,
            None => look >= FIRST_LOOK,
        }
    }

    /// It was done then.
    pub fn done(&mut self, now: Instant) {
        self.0 = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_done_after_some_looks_and_then_once_a_day() {
        let now = Instant::now();
        let mut daily = Daily::default();
        assert!(!daily.is_due(0, now) && !daily.is_due(FIRST_LOOK - 1, now));
        assert!(daily.is_due(FIRST_LOOK, now));
        daily.done(now);
        assert!(!daily.is_due(FIRST_LOOK + 1, now + DAY / 2));
        assert!(daily.is_due(FIRST_LOOK + 2, now + DAY));
    }
}
