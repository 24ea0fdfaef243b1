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

/// How long the headers of an answer ask to wait: `retry-after-ms` or `x-ms-retry-after-ms`, else
/// `retry-after`, else, with status 429, the times at which OpenAI's limits are renewed
/// (`x-ratelimit-reset-requests`, `-tokens`, and without a kind): the latest of those that are used up, or
/// where none is said to be, the soonest. `now_ms` is the time in milliseconds since 1970.
pub fn told_to_wait(
    header: impl Fn(&str) -> Option<String>,
    status: u16,
    now_ms: u64,
) -> Option<Duration> {
    const MILLISECONDS: [&str; 2] = ["retry-after-ms", "x-ms-retry-after-ms"];
    let exact = MILLISECONDS.iter().find_map(|name| header(name));
    let exact = exact.and_then(|value| scaled(value.trim(), 1e-3));
    let told = || parse_retry_after(&header("retry-after")?, now_ms);
    exact.or_else(told).or_else(|| match status {
        429 => renewal(header, now_ms),
        _ => None,
    })
}

fn renewal(header: impl Fn(&str) -> Option<String>, now_ms: u64) -> Option<Duration> {
    let limits = ["-requests", "-tokens", ""].iter().filter_map(|kind| {
        let reset = header(&format!("x-ratelimit-reset{kind}"))?;
        let left = header(&format!("x-ratelimit-remaining{kind}"));
        let is_used_up = left.is_some_and(|left| left.trim() == "0");
        Some((is_used_up, parse_reset(reset.trim(), now_ms)?))
    });
    let limits: Vec<(bool, Duration)> = limits.collect();
    let used_up = limits.iter().filter(|(is_used_up, _)| *is_used_up);
    let waits = used_up.map(|(_, wait)| *wait).max();
    waits.or_else(|| limits.iter().map(|(_, wait)| *wait).min())
}

/// `6m0s` and the like, seconds, or a time in seconds since 1970.
fn parse_reset(value: &str, now_ms: u64) -> Option<Duration> {
    /// No limit is renewed after more seconds than this: 2001 in seconds since 1970. And nothing is so far
    /// away in seconds: 2001 in milliseconds.
    const TIMES: f64 = 1e9;
    const TIMES_MS: f64 = 1e12;
    if let Ok(number) = value.parse::<f64>() {
        let number = if number >= TIMES_MS {
            number / 1e3
        } else {
            number
        };
        let now_s = if number >= TIMES {
            now_ms as f64 / 1e3
        } else {
            0.0
        };
        return seconds((number - now_s).max(0.0));
    }
    let mut whole = Duration::ZERO;
    let mut rest = value;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, unit) = rest.split_at(digits);
        let (factor, unit) = UNITS
            .iter()
            .find_map(|(name, factor)| Some((*factor, unit.strip_prefix(name)?)))?;
        whole = whole.saturating_add(scaled(number, factor)?);
        rest = unit;
    }
    (!value.is_empty()).then_some(whole)
}

/// Of Go's durations, in seconds; those that begin another one's name come after it.
const UNITS: [(&str, f64); 7] = [
    ("ms", 1e-3),
    ("us", 1e-6),
    ("ns", 1e-9),
    ("d", 86_400.0),
    ("h", 3_600.0),
    ("m", 60.0),
    ("s", 1.0),
];

const LONGEST: Duration = Duration::from_secs(u64::MAX);

fn scaled(number: &str, factor: f64) -> Option<Duration> {
    seconds(number.parse::<f64>().ok()? * factor)
}

/// `None` of what is no time to wait; more than there is is as long as there is.
fn seconds(number: f64) -> Option<Duration> {
    match number.is_nan() || number < 0.0 {
        true => None,
        false => Some(Duration::try_from_secs_f64(number).unwrap_or(LONGEST)),
    }
}

/// Reads a `retry-after` header: seconds, or an HTTP date (RFC 9110, section 10.2.3); fractions of seconds,
/// which some send, count, too.
///
/// `now_ms` is the time in milliseconds since 1970. A date that has passed is no wait.
/// `None` where the value is neither.
pub fn parse_retry_after(value: &str, now_ms: u64) -> Option<Duration> {
    let value = value.trim();
    let is_number = |byte: u8| byte.is_ascii_digit() || byte == b'.';
    if !value.is_empty() && value.bytes().all(is_number) {
        return scaled(value, 1.0);
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
        assert_eq!(parse_retry_after("1.5", now_ms), Some(MS(1_500)));
        for nonsense in ["", "soon", "-1", "1.5.2"] {
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

    #[test]
    fn an_answer_says_in_many_ways_how_long_to_wait() {
        let wait = |status, headers: &[(&str, &str)]| {
            let header = |name: &str| {
                let found = headers.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            told_to_wait(header, status, 1_800_000_000_000)
        };
        let ms = |ms| Some(MS(ms));
        for (expected, headers) in [
            (ms(1_500), &[("retry-after", "1.5")][..]),
            (ms(7_000), &[("retry-after", "7")]),
            (ms(250), &[("retry-after-ms", "250"), ("retry-after", "1")]),
            (ms(1_250), &[("x-ms-retry-after-ms", "1250.0")]),
            (ms(360_000), &[("x-ratelimit-reset-requests", "6m0s")]),
            (ms(20), &[("x-ratelimit-reset-tokens", "20ms")]),
            (ms(3_605_500), &[("x-ratelimit-reset", "1h5.5s")]),
            (ms(12_000), &[("x-ratelimit-reset", "1800000012")]),
            (ms(12_000), &[("x-ratelimit-reset", "1800000012000")]),
            (None, &[("x-ratelimit-reset", "soon")]),
            (None, &[("retry-after", "soon")]),
            (None, &[("retry-after", ".")]),
            (None, &[]),
        ] {
            assert_eq!(wait(429, headers), expected, "{headers:?}");
        }
        let limits = [
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-requests", "12"),
            ("x-ratelimit-reset-tokens", "30s"),
            ("x-ratelimit-remaining-tokens", "0"),
        ];
        assert_eq!(wait(429, &limits), ms(30_000), "the one that is used up");
        assert_eq!(wait(429, &limits[..3]), ms(1_000));
        assert_eq!(wait(503, &limits), None, "another fault than a limit");
        let endless = [("retry-after", "99999999999999999999999")];
        assert_eq!(wait(429, &endless), Some(LONGEST));
    }
}
