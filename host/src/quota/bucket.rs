//! A token bucket.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than anybody waits.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3_600);

/// How much may be taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// In a second, in the long run.
    pub rate: f64,
    /// At once, where nothing was taken before.
    pub burst: f64,
}

/// A bucket of a [`Limit`], as the time at which it is full again: the generic cell rate algorithm of
/// ITU-T I.371, as a virtual schedule.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bucket {
    full: Option<Instant>,
}

/// What there is in a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// What may be taken at once, at most.
    pub limit: u64,
    /// What may be taken now.
    pub remaining: u64,
    /// When the bucket is full again.
    pub reset: Duration,
}

impl Bucket {
    /// Takes `amount`.
    ///
    /// Errors: after which time it may be there. Nothing is taken.
    pub fn take(&mut self, limit: Limit, amount: f64, now: Instant) -> Result<(), Duration> {
        let full = self.lacks(now) + limit.time(amount);
        let burst = limit.time(limit.burst);
        if full > burst {
            return Err(full - burst);
        }
        self.full = Some(now + full);
        Ok(())
    }

    /// Takes `amount`, which may be more than there is, where there is any: the next ones wait for it, for
    /// no more than a burst's worth.
    ///
    /// Errors: after which time there is some. Nothing is taken.
    pub fn overdraw(&mut self, limit: Limit, amount: f64, now: Instant) -> Result<(), Duration> {
        self.some(limit, now)?;
        let full = self.lacks(now) + limit.time(amount);
        self.full = Some(now + full.min(2 * limit.time(limit.burst)));
        Ok(())
    }

    /// Takes `amount` of the lower half, or all of it where that is less, so that something is left for
    /// who is in a hurry.
    ///
    /// Errors: after which time there is any. Nothing is taken.
    pub fn draw_low(&mut self, limit: Limit, amount: f64, now: Instant) -> Result<(), Duration> {
        let (lacks, burst) = (self.lacks(now), limit.time(limit.burst));
        let half = burst / 2;
        if lacks >= half {
            return Err((lacks - half + limit.time(1.0)).min(NEVER));
        }
        let left = burst.saturating_sub(limit.time(1.0));
        self.full = Some(now + (lacks + limit.time(amount)).min(left));
        Ok(())
    }

    /// Whether there is any.
    ///
    /// Errors: after which time there is.
    pub fn some(&self, limit: Limit, now: Instant) -> Result<(), Duration> {
        let (lacks, burst) = (self.lacks(now), limit.time(limit.burst));
        if lacks < burst {
            return Ok(());
        }
        Err((lacks - burst + limit.time(1.0)).min(NEVER))
    }

    /// What there is.
    pub fn level(&self, limit: Limit, now: Instant) -> Level {
        let reset = self.lacks(now);
        let remaining = limit.burst - reset.as_secs_f64() * limit.rate;
        // Half a millionth, so that what was taken whole leaves a whole number.
        let remaining = (remaining + 5e-7).floor().max(0.0);
        Level {
            limit: limit.burst as u64,
            remaining: remaining as u64,
            reset,
        }
    }

    /// Whether nothing is known of it that would not be known of a new one.
    pub fn is_full(&self, now: Instant) -> bool {
        self.lacks(now).is_zero()
    }

    fn lacks(&self, now: Instant) -> Duration {
        let full = self.full.unwrap_or(now);
        full.saturating_duration_since(now)
    }
}

impl Limit {
    /// So long it takes to fill in.
    fn time(self, amount: f64) -> Duration {
        match amount / self.rate {
            // Also where both are 0.
            seconds if seconds.is_nan() => Duration::ZERO,
            seconds => Duration::try_from_secs_f64(seconds).map_or(NEVER, |time| time.min(NEVER)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TWO: Limit = Limit {
        rate: 2.0,
        burst: 2.0,
    };

    fn after(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_burst_and_then_as_many_as_the_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        assert!(bucket.take(TWO, 1.0, start).is_ok());
        assert!(bucket.take(TWO, 1.0, start).is_ok());
        assert_eq!(
            bucket.take(TWO, 1.0, start),
            Err(Duration::from_millis(500))
        );
        assert!(bucket.take(TWO, 1.0, after(start, 0.5)).is_ok());
        assert!(bucket.take(TWO, 1.0, after(start, 0.9)).is_err());
        assert!(bucket.is_full(after(start, 1.5)));
    }

    #[test]
    fn the_level_says_what_may_be_taken() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        bucket.take(TWO, 1.0, start).unwrap();
        let level = Level {
            limit: 2,
            remaining: 1,
            reset: Duration::from_millis(500),
        };
        assert_eq!(bucket.level(TWO, start), level);
    }

    #[test]
    fn what_was_overdrawn_is_waited_for_but_not_for_ever() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        bucket.overdraw(TWO, 1_000.0, start).unwrap();
        assert!(bucket.overdraw(TWO, 1.0, after(start, 0.9)).is_err());
        assert_eq!(bucket.level(TWO, start).remaining, 0);
        assert!(bucket.overdraw(TWO, 1.0, after(start, 1.1)).is_ok());
    }

    #[test]
    fn who_has_time_leaves_something_for_who_is_in_a_hurry() {
        let start = Instant::now();
        let limit = Limit {
            rate: 10.0,
            burst: 100.0,
        };
        let mut bucket = Bucket::default();
        bucket.draw_low(limit, 1_000.0, start).unwrap();
        assert!(bucket.draw_low(limit, 1.0, start).is_err());
        assert!(bucket.draw_low(limit, 1.0, after(start, 4.8)).is_err());
        assert!(
            bucket
                .clone()
                .draw_low(limit, 1.0, after(start, 5.1))
                .is_ok()
        );
        assert!(bucket.overdraw(limit, 1.0, start).is_ok());
    }

    #[test]
    fn a_limit_of_nothing_gives_nothing() {
        let nothing = Limit {
            rate: 0.0,
            burst: 0.0,
        };
        let now = Instant::now();
        assert!(Bucket::default().overdraw(nothing, 1.0, now).is_err());
        assert!(Bucket::default().take(nothing, 1.0, now).is_err());
    }

    proptest! {
        #[test]
        fn no_time_sees_more_than_a_burst_and_the_rate(
            rate in 0.01..1e6_f64, burst in 1.0..1e6_f64,
            waits in proptest::collection::vec(0.0..2.0_f64, 1..100),
        ) {
            let limit = Limit { rate, burst };
            let start = Instant::now();
            let (mut bucket, mut seconds, mut taken) = (Bucket::default(), 0.0, 0.0);
            for wait in waits {
                seconds += wait;
                let now = after(start, seconds);
                match bucket.take(limit, 1.0, now) {
                    Ok(()) => taken += 1.0,
                    Err(wait) => {
                        let then = now + wait + Duration::from_micros(1);
                        prop_assert!(bucket.clone().take(limit, 1.0, then).is_ok());
                    }
                }
                prop_assert!(taken <= burst + rate * seconds + 1e-3);
            }
        }
    }
}
