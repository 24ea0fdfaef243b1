//! Tokens that are good no more.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Claims, Time, is_tenant};

/// Stands for every tenant.
pub const ALL_TENANTS: &str = "*";

/// The tokens that are no longer accepted, as they are written down: JSON, so that no part of a list
/// that is only half written could be taken for a list.
///
/// ```json
/// {
///   "tokens": [{"jti": "9f86d081884c7d65", "until": "2026-11-01T00:00:00Z"}],
///   "not_before": [{"tenant": "acme", "time": "2026-10-01T12:00:00Z"}]
/// }
/// ```
///
/// Each part may be missing. Names that are not these are refused, so that a typing error lets no
/// token pass.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevocationList {
    /// Tokens that are revoked one by one.
    #[serde(default)]
    pub tokens: Vec<RevokedToken>,
    /// Tenants whose older tokens all are.
    #[serde(default)]
    pub not_before: Vec<NotBefore>,
}

/// A token that is no longer accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokedToken {
    /// Its `jti`.
    pub jti: String,
    /// When it expires by itself, from when on this need not be remembered. Without it, it is
    /// remembered for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// A tenant whose tokens are only accepted if they were not issued (`iat`) before a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotBefore {
    /// Its name, or [`ALL_TENANTS`].
    #[serde(deserialize_with = "tenant")]
    pub tenant: String,
    /// The first second in which a token that is accepted may have been issued.
    pub time: Time,
}

impl RevocationList {
    /// Reads a list. The error says what is wrong, and in which line.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        // serde takes an array for a structure, and an empty one for an empty list.
        if json.trim_ascii_start().first() == Some(&b'[') {
            return Err("it has to be an object, {\"tokens\": …}, at line 1".into());
        }
        serde_json::from_slice(json).map_err(|error| error.to_string())
    }
}

/// A [`RevocationList`] that is looked into for every request.
#[derive(Debug, Clone, Default)]
pub struct Revoked {
    tokens: HashSet<String>,
    not_before: HashMap<String, Time>,
}

impl From<RevocationList> for Revoked {
    /// Of several times for a tenant the latest counts.
    fn from(list: RevocationList) -> Self {
        let mut not_before = HashMap::new();
        for NotBefore { tenant, time } in list.not_before {
            let latest = not_before.entry(tenant).or_insert(time);
            *latest = time.max(*latest);
        }
        Self {
            tokens: list.tokens.into_iter().map(|token| token.jti).collect(),
            not_before,
        }
    }
}

impl Revoked {
    /// Why these claims are barred, in words for their holder; none where they are not.
    pub fn bars(&self, claims: &Claims) -> Option<String> {
        if claims
            .jti
            .as_ref()
            .is_some_and(|jti| self.tokens.contains(jti))
        {
            return Some(format!("The token was revoked. {AGAIN}"));
        }
        let times = [claims.tenant.as_str(), ALL_TENANTS].map(|name| self.not_before.get(name));
        let first = times.into_iter().flatten().max()?;
        (claims.iat < first.0).then(|| {
            format!("Tokens that were issued before {first}, as this one was, are revoked. {AGAIN}")
        })
    }
}

const AGAIN: &str = "Ask the server's operator for a new one (`dayfly token issue`).";

fn tenant<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    match name == ALL_TENANTS || is_tenant(&name) {
        true => Ok(name),
        false => Err(serde::de::Error::custom(format!(
            "{name:?} is no tenant ([a-z0-9][a-z0-9_-]*, at most 63), nor \"{ALL_TENANTS}\" for all"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{
        "tokens": [{"jti": "a", "until": "2026-11-01T00:00:00Z"}, {"jti": "b"}],
        "not_before": [
            {"tenant": "acme", "time": "1970-01-01T00:01:40Z"},
            {"tenant": "acme", "time": "1970-01-01T00:00:10Z"},
            {"tenant": "*", "time": "1970-01-01T00:00:50Z"}
        ]
    }"#;

    fn bars(tenant: &str, jti: Option<&str>, iat: u64) -> Option<String> {
        let list = RevocationList::parse(LIST.as_bytes()).unwrap();
        Revoked::from(list).bars(&Claims {
            sub: None,
            tenant: tenant.into(),
            scope: "read".into(),
            aud: crate::AUDIENCE.into(),
            iat,
            exp: u64::MAX,
            jti: jti.map(Into::into),
            quota: None,
        })
    }

    #[test]
    fn a_token_on_the_list_is_barred_whoever_has_it() {
        for jti in ["a", "b"] {
            assert!(
                bars("bolt", Some(jti), 1_000)
                    .unwrap()
                    .contains("was revoked")
            );
        }
        assert_eq!(bars("bolt", Some("c"), 1_000), None);
        assert_eq!(bars("bolt", None, 1_000), None);
    }

    #[test]
    fn what_is_older_than_the_latest_time_that_counts_for_its_tenant_is_barred() {
        assert!(
            bars("acme", None, 99)
                .unwrap()
                .contains("1970-01-01T00:01:40Z")
        );
        assert_eq!(bars("acme", None, 100), None);
        assert!(bars("bolt", Some("c"), 49).unwrap().contains("00:00:50Z"));
        assert_eq!(bars("bolt", Some("c"), 50), None);
    }

    #[test]
    fn a_list_is_written_as_it_is_read() {
        let list = RevocationList::parse(LIST.as_bytes()).unwrap();
        let written = serde_json::to_vec_pretty(&list).unwrap();
        assert_eq!(RevocationList::parse(&written), Ok(list));
        assert_eq!(RevocationList::parse(b"{}"), Ok(RevocationList::default()));
    }

    #[test]
    fn what_could_let_a_revoked_token_pass_is_no_list() {
        for bad in [
            "",
            "[]",
            " [[]]",
            r#"{"token": []}"#,
            r#"{"tokens": ["a"]}"#,
            r#"{"tokens": [{"id": "a"}]}"#,
            r#"{"tokens": [{"jti": 7}]}"#,
            r#"{"tokens": [{"jti": "a", "untill": "2026-11-01T00:00:00Z"}]}"#,
            r#"{"tokens": [], "tokens": []}"#,
            r#"{"not_before": [{"tenant": "Acme", "time": "2026-11-01T00:00:00Z"}]}"#,
            r#"{"not_before": [{"tenant": "acme", "time": "yesterday"}]}"#,
            r#"{"not_before": [{"tenant": "acme", "time": 1790856000}]}"#,
            r#"{"not_before": [{"tenant": "acme"}]}"#,
            "{} {}",
        ] {
            assert!(RevocationList::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_part_of_a_list_is_a_list() {
        for end in 0..LIST.len() - 1 {
            assert!(
                RevocationList::parse(&LIST.as_bytes()[..end]).is_err(),
                "{end}"
            );
        }
    }

    #[test]
    fn an_error_says_where_it_is() {
        let text =
            "{\n  \"tokens\": [],\n  \"not_before\": [{\"tenant\": \"a/b\", \"time\": \"x\"}]\n}";
        let said = RevocationList::parse(text.as_bytes()).unwrap_err();
        assert!(said.contains("a/b") && said.contains("line 3"), "{said}");
    }
}
