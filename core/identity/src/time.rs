//! Seconds since the Unix epoch, as tokens and people write them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first second that RFC 3339 cannot write: that of the year 10000.
const END: u64 = 253_402_300_800;

/// A second since the Unix epoch, as tokens have it. Text is RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub u64);

impl Time {
    /// Now, by the system's clock.
    pub fn now() -> Self {
        Self::of(SystemTime::now())
    }

    /// The second in which `time` is; 0 for what was before the epoch.
    pub fn of(time: SystemTime) -> Self {
        Self(
            time.duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs(),
        )
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds < END => {
                humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).fmt(f)
            }
            seconds => write!(f, "second {seconds} since 1970"),
        }
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_rfc3339_weak(text)
            .map(Self::of)
            .map_err(|_| format!("`{text}` is not a time such as 2026-10-01T12:00:00Z, in UTC"))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_seconds_agree() {
        let time = Time(1_790_856_000);
        assert_eq!(time.to_string(), "2026-10-01T12:00:00Z");
        for text in ["2026-10-01T12:00:00Z", "2026-10-01 12:00:00"] {
            assert_eq!(text.parse(), Ok(time));
        }
    }

    #[test]
    fn no_number_is_too_large_to_be_shown() {
        assert_eq!(Time(END - 1).to_string(), "9999-12-31T23:59:59Z");
        for seconds in [END, u64::MAX] {
            assert!(Time(seconds).to_string().contains(&seconds.to_string()));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "tomorrow",
            "2026-10-01",
            "2026-13-01T00:00:00Z",
            "1790856000",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }
}
