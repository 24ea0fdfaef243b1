//! How long a token may be good.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DAY: u64 = 86_400;

/// How long a token may be good, from when it was issued until it expires.
///
/// By default 366 days, so that a token that was forgotten somewhere opens nothing for ever. In text a
/// duration such as `90d` or `12h`, or `none` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxLife(Option<u64>);

impl MaxLife {
    /// No limit.
    pub const NONE: Self = Self(None);

    /// In seconds; none where there is no limit.
    pub fn seconds(self) -> Option<u64> {
        self.0
    }
}

impl Default for MaxLife {
    fn default() -> Self {
        Self(Some(366 * DAY))
    }
}

impl FromStr for MaxLife {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::NONE);
        }
        let life = humantime::parse_duration(text);
        match life.as_ref().map(Duration::as_secs) {
            Ok(seconds) if seconds > 0 => Ok(Self(Some(seconds))),
            _ => Err(format!(
                "`{text}` is not a time such as 90d or 12h, nor `none` for no limit"
            )),
        }
    }
}

impl fmt::Display for MaxLife {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("none"),
            Some(seconds) => f.write_str(&short(seconds)),
        }
    }
}

impl<'de> Deserialize<'de> for MaxLife {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for MaxLife {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// In the largest unit that leaves no rest.
fn short(seconds: u64) -> String {
    for (unit, name) in [(DAY, "d"), (3_600, "h"), (60, "m")] {
        if seconds.is_multiple_of(unit) {
            return format!("{}{name}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_it_is_read() {
        for text in ["90d", "25h", "90m", "61s", "none"] {
            assert_eq!(text.parse::<MaxLife>().unwrap().to_string(), text);
        }
        assert_eq!("24h".parse::<MaxLife>().unwrap().to_string(), "1d");
        assert_eq!(MaxLife::default().to_string(), "366d");
    }

    #[test]
    fn a_limit_that_is_none_by_mistake_is_refused() {
        for bad in [
            "",
            "0",
            "0s",
            "500ms",
            "-1d",
            "90",
            "None",
            "99999999999999y",
        ] {
            assert!(bad.parse::<MaxLife>().is_err(), "{bad}");
        }
    }
}
