//! What a tenant is told that goes over a quota.

use std::time::Duration;

use dayfly_core::api::{ApiError, Code};

/// A tenant does more at once, or faster, than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMuch {
    /// Requests: the next one may start after this time.
    Requests(Duration),
    /// As many requests as this are under way.
    UnderWay(u64),
    /// Embedded tokens: there are more after this time.
    Tokens(Duration),
}

impl From<TooMuch> for ApiError {
    fn from(refusal: TooMuch) -> Self {
        let (text, wait) = match refusal {
            TooMuch::Requests(wait) => (
                "The tenant sends requests faster than its limit allows: send them more slowly.".to_owned(),
                wait,
            ),
            TooMuch::UnderWay(most) => (
                format!(
                    "The tenant has as many requests under way as its limit allows ({most}): wait for one of them to end."
                ),
                Duration::from_secs(1),
            ),
            TooMuch::Tokens(wait) => (
                "The tenant has more text embedded than its limit of tokens a minute allows: wait, or send less.".to_owned(),
                wait,
            ),
        };
        Self::new(Code::RateLimitExceeded, text).retry_after(seconds(wait))
    }
}

/// Rounded up, at least one.
fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_millis().div_ceil(1_000).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_whole_seconds_and_never_none() {
        for (wait_ms, expected) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (61_500, 62)] {
            let wait = Duration::from_millis(wait_ms);
            let error = ApiError::from(TooMuch::Requests(wait));
            assert_eq!((error.status, error.retry_after_s), (429, Some(expected)));
            assert_eq!(error.code.map(Code::name), Some("rate_limit_exceeded"));
        }
    }
}
