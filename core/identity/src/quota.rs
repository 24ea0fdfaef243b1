//! What a tenant may have and do. That it is kept to is the host's.

use serde::{Deserialize, Deserializer, Serialize};

/// What a tenant may have and do at most. What is `None` is not limited here.
///
/// An unknown name is refused wherever this is read, so that a typing error lifts no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Bytes of all that is stored for the tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Files that there are at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// Vector stores that there are at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stores: Option<u64>,
    /// Requests that start in a second, on average. Finite and above 0.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "rate"
    )]
    pub requests_per_second: Option<f64>,
    /// Requests under way at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_requests: Option<u64>,
    /// Tokens of text that are embedded in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded_tokens_per_minute: Option<u64>,
}

impl Quota {
    /// Limits nothing.
    pub const NONE: Self = Self {
        stored_bytes: None,
        files: None,
        stores: None,
        requests_per_second: None,
        concurrent_requests: None,
        embedded_tokens_per_minute: None,
    };

    /// Each limit of this one that is set, and `base`'s for the others.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        Self {
            stored_bytes: self.stored_bytes.or(base.stored_bytes),
            files: self.files.or(base.files),
            stores: self.stores.or(base.stores),
            requests_per_second: self.requests_per_second.or(base.requests_per_second),
            concurrent_requests: self.concurrent_requests.or(base.concurrent_requests),
            embedded_tokens_per_minute: self
                .embedded_tokens_per_minute
                .or(base.embedded_tokens_per_minute),
        }
    }
}

fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let rate = Option::<f64>::deserialize(from)?;
    match rate {
        Some(rate) if !(rate.is_finite() && rate > 0.0) => Err(serde::de::Error::custom(
            "requests_per_second must be a number above 0",
        )),
        rate => Ok(rate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Quota, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_set_wins_and_the_base_fills_in() {
        let own = read(r#"{"files":0,"requests_per_second":0.5}"#).unwrap();
        let base = read(
            r#"{"stored_bytes":1,"files":2,"stores":3,"requests_per_second":4,
                "concurrent_requests":5,"embedded_tokens_per_minute":6}"#,
        )
        .unwrap();
        let both = Quota {
            files: Some(0),
            requests_per_second: Some(0.5),
            ..base
        };
        assert_eq!(own.over(&base), both);
        assert_eq!(Quota::NONE.over(&base), base);
        assert_eq!(base.over(&Quota::NONE), base);
        assert_eq!(Quota::default(), Quota::NONE);
    }

    #[test]
    fn what_would_lift_a_limit_by_mistake_is_refused() {
        for bad in [
            r#"{"file":1}"#,
            r#"{"files":-1}"#,
            r#"{"files":1.5}"#,
            r#"{"files":"1"}"#,
            r#"{"files":1,"files":2}"#,
            r#"{"files":18446744073709551616}"#,
            r#"{"requests_per_second":0}"#,
            r#"{"requests_per_second":-1}"#,
            r#"{"requests_per_second":1e999}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(
            read(r#"{"file":1}"#)
                .unwrap_err()
                .contains("unknown field `file`")
        );
    }

    #[test]
    fn it_is_written_as_it_is_read() {
        let text = r#"{"stored_bytes":10,"requests_per_second":2.5}"#;
        assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
    }
}
