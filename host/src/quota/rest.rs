//! How much of the time may be spent on something that takes long, now and again.

use std::time::Duration;

use tokio::time::Instant;

/// At most one part in so many of the time goes to it,
const SHARE: u32 = 20;
/// once it has taken so long: who needs little is not made to wait where the machine is busy.
const BURST: Duration = Duration::from_secs(10);

/// What is left to rest. A leaky bucket as a meter, kept as the time at which it is empty (the generic
/// cell rate algorithm of ITU-T I.371).
#[derive(Debug, Default)]
pub struct Rest {
    until: Option<Instant>,
}

impl Rest {
    /// It took so long, and ended now.
    pub fn after(&mut self, took: Duration, now: Instant) {
        let from = self.until.map_or(now, |until| until.max(now));
        self.until = Some(from + took * SHARE);
    }

    /// Until it may begin again.
    pub fn left(&self, now: Instant) -> Duration {
        let rest = self
            .until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        rest.saturating_sub(BURST * SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_takes_long_once_need_not_rest() {
        let (mut rest, mut now) = (Rest::default(), Instant::now());
        for _ in 0..10 {
            assert_eq!(rest.left(now), Duration::ZERO);
            now += SECOND;
            rest.after(SECOND, now);
        }
    }

    #[test]
    fn what_goes_on_has_its_share_of_the_time() {
        let (mut rest, begin) = (Rest::default(), Instant::now());
        let (mut now, mut spent) = (begin, Duration::ZERO);
        for _ in 0..1_000 {
            now += rest.left(now) + SECOND;
            spent += SECOND;
            rest.after(SECOND, now);
        }
        let after_burst = spent.saturating_sub(BURST + SECOND);
        let share = after_burst.as_secs_f64() / (now - begin).as_secs_f64();
        assert!((0.045..=0.05).contains(&share), "{share}");
    }
}
