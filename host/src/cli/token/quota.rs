//! Limits as the command line names them.

use anyhow::{Result, anyhow, bail};
use bytesize::ByteSize;
use dayfly::identity::Quota;
use serde_json::{Map, Value, json};

/// The limits that `NAME=VALUE`s say. A value is a number; one of bytes may have a unit, as 10GB
/// (10^10) or 10GiB.
///
/// # Errors
/// When a name is unknown or said twice, or a value is none.
pub fn parse(said: &[String]) -> Result<Quota> {
    let mut limits = Map::new();
    for limit in said {
        let (name, value) = limit
            .split_once('=')
            .ok_or_else(|| anyhow!("--quota {limit}: write NAME=VALUE, as files=1000"))?;
        let number = number(name, value).map_err(|why| anyhow!("--quota {limit}: {why}"))?;
        if limits.insert(name.to_owned(), number).is_some() {
            bail!("--quota {limit}: {name} is said twice");
        }
    }
    serde_json::from_value(limits.into()).map_err(|why| anyhow!("--quota: {why}"))
}

fn number(name: &str, value: &str) -> Result<Value, String> {
    if name.ends_with("_bytes") {
        return Ok(json!(value.parse::<ByteSize>()?.as_u64()));
    }
    let not_a_number = |_| format!("`{value}` is not a number");
    serde_json::from_str::<serde_json::Number>(value)
        .map(Value::from)
        .map_err(not_a_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(said: &[&str]) -> Result<Quota, String> {
        let said: Vec<_> = said.iter().map(|text| (*text).to_owned()).collect();
        parse(&said).map_err(|error| error.to_string())
    }

    #[test]
    fn every_limit_can_be_said() {
        let quota = parsed(&[
            "stored_bytes=10GB",
            "files=1",
            "stores=2",
            "requests_per_second=0.5",
            "concurrent_requests=3",
            "embedded_tokens_per_minute=4",
        ]);
        let whole = Quota {
            stored_bytes: Some(10_000_000_000),
            files: Some(1),
            stores: Some(2),
            requests_per_second: Some(0.5),
            concurrent_requests: Some(3),
            embedded_tokens_per_minute: Some(4),
        };
        assert_eq!(quota, Ok(whole));
        assert_eq!(parsed(&[]), Ok(Quota::NONE));
        let binary = parsed(&["stored_bytes=1GiB"]).unwrap();
        assert_eq!(binary.stored_bytes, Some(1 << 30));
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (bad, why) in [
            ("files", "NAME=VALUE"),
            ("file=1", "unknown field `file`"),
            ("files=many", "not a number"),
            ("files=1GB", "not a number"),
            ("files=-1", "invalid value"),
            ("files=1.5", "invalid type"),
            ("requests_per_second=0", "above 0"),
            ("stored_bytes=plenty", "--quota stored_bytes=plenty"),
        ] {
            let said = parsed(&[bad]).unwrap_err();
            assert!(said.contains(why), "{bad}: {said}");
        }
        assert!(
            parsed(&["files=1", "files=2"])
                .unwrap_err()
                .contains("twice")
        );
    }
}
