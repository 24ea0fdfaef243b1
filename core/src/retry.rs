//! When to try a failed request again.

use std::time::{Duration, SystemTime};

/// Exponential backoff with full jitter: the wait before a retry is random between
/// nothing and a ceiling that doubles with every attempt, so that callers who failed
/// together do not come back together. After Marc Brooker, "Exponential Backoff And
/// Jitter", AWS Architecture Blog, 2015.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The ceiling of the first wait; default 250 ms.
    pub base: Duration,
    /// The ceiling that no wait's random part passes; default 20 s.
    pub cap: Duration,
    /// Attempts in all, the first included; default 8.
    pub max_attempts: u32,
    /// The time that all attempts and waits together may take; default 300 s.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(250),
            cap: Duration::from_secs(20),
            max_attempts: 8,
            deadline: Duration::from_secs(300),
        }
    }
}

impl RetryPolicy {
    /// How long to wait before the next attempt; `None` to give up, because all attempts
    /// are used up or the wait would reach the deadline.
    ///
    /// `attempts` is how many have failed, so 1 after the first; `elapsed` is the time
    /// since the first began. `random` must be uniform over all of `u64`. The server's
    /// `retry_after` is a lower bound: the jitter comes on top of it.
    pub fn next(
        &self,
        attempts: u32,
        retry_after: Option<Duration>,
        elapsed: Duration,
        random: u64,
    ) -> Option<Duration> {
        if attempts >= self.max_attempts {
            return None;
        }
        let doublings = attempts.saturating_sub(1).min(31);
        let ceiling = self.base.saturating_mul(1 << doublings).min(self.cap);
        let wait = retry_after
            .unwrap_or_default()
            .saturating_add(fraction(ceiling, random));
        (elapsed.saturating_add(wait) < self.deadline).then_some(wait)
    }
}

/// `whole * random / 2^64`.
fn fraction(whole: Duration, random: u64) -> Duration {
    let nanoseconds = whole.as_nanos().min(u128::from(u64::MAX));
    let product = (nanoseconds * u128::from(random)) >> 64;
    Duration::from_nanos(product as u64)
}

/// Reads a `retry-after` header: seconds, or an HTTP date (RFC 9110, section 10.2.3).
///
/// `now_ms` is the time in milliseconds since 1970. A date that has passed is no wait.
/// `None` where the value is neither.
pub fn parse_retry_after(value: &str, now_ms: u64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let since_1970 = date.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since_1970.saturating_sub(Duration::from_millis(now_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            base: MS(100),
            cap: MS(1000),
            max_attempts: 6,
            deadline: MS(60_000),
        }
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let ceilings = [100, 200, 400, 800, 1000];
        for (attempts, ceiling) in (1..).zip(ceilings) {
            let most = policy().next(attempts, None, MS(0), u64::MAX).unwrap();
            assert!(most <= MS(ceiling) && most > MS(ceiling - 1), "{most:?}");
            assert_eq!(policy().next(attempts, None, MS(0), 0), Some(MS(0)));
            let half = policy().next(attempts, None, MS(0), 1 << 63);
            assert_eq!(half, Some(MS(ceiling) / 2));
        }
    }

    #[test]
    fn it_gives_up_after_the_last_attempt_and_at_the_deadline() {
        assert_eq!(policy().next(6, None, MS(0), 0), None);
        assert_eq!(policy().next(1, None, MS(60_000), 0), None);
        assert_eq!(policy().next(1, Some(MS(59_000)), MS(1_000), 0), None);
        assert_eq!(policy().next(1, Some(Duration::MAX), MS(0), 0), None);
    }

    #[test]
    fn retry_after_is_a_lower_bound() {
        let wait = policy().next(1, Some(MS(5_000)), MS(0), 1 << 63);
        assert_eq!(wait, Some(MS(5_050)));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now_ms = 784_111_767_500;
        assert_eq!(parse_retry_after(" 120 ", now_ms), Some(MS(120_000)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse_retry_after(date, now_ms), Some(MS(9_500)));
        assert_eq!(parse_retry_after(date, now_ms + 60_000), Some(MS(0)));
        let huge = "99999999999999999999999";
        assert_eq!(
            parse_retry_after(huge, 0),
            Some(Duration::from_secs(u64::MAX))
        );
        for nonsense in ["", "soon", "-1", "1.5"] {
            assert_eq!(parse_retry_after(nonsense, now_ms), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_retry_begins_after_the_deadline(
            attempts in any::<u32>(), after in proptest::option::of(0u64..100_000),
            elapsed in 0u64..100_000, random in any::<u64>(),
        ) {
            if let Some(wait) = policy().next(attempts, after.map(MS), MS(elapsed), random) {
                prop_assert!(MS(elapsed) + wait < policy().deadline);
                prop_assert!(wait >= after.map(MS).unwrap_or_default());
            }
        }
    }
}
