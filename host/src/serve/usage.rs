//! How much tenants have, and may have.

use std::time::Duration;

use axum::body::Body;
use dayfly_core::api::{ApiError, Code};
use futures::{StreamExt, stream};
use http::Response;
use serde::Serialize;
use url::form_urlencoded;

use super::answer;
use crate::admission::Admission;
use crate::identity::{Principal, Quota, Scope, is_tenant};
use crate::platform::Platform;
use crate::quota::{Measured, Usage};

/// What was found so long ago is not looked for again.
const FRESH: Duration = Duration::from_secs(10);
const DEFAULT_PAGE: usize = 20;
const MOST_ON_A_PAGE: usize = 100;
const READ_AT_ONCE: usize = 16;

/// What is known of one tenant.
#[derive(Serialize)]
struct Known {
    object: &'static str,
    tenant: String,
    /// None where it was never measured.
    #[serde(flatten)]
    usage: Option<Usage>,
    /// Seconds since the Unix epoch.
    measured_at: Option<u64>,
    quota: Quota,
    requests_under_way: usize,
    requests_waiting: usize,
}

#[derive(Serialize)]
struct Page {
    object: &'static str,
    data: Vec<Known>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}

/// The caller's tenant.
pub async fn own(
    platform: &Platform,
    admission: &Admission,
    principal: &Principal,
) -> Result<Response<Body>, ApiError> {
    ensure(principal, Scope::Read)?;
    let measured = platform.ledger.usage(&principal.tenant, FRESH).await;
    let quota = platform.rates.of(principal);
    json(&known(admission, &principal.tenant, measured, quota))
}

/// All tenants by name, a page of them: what was found of each when it was looked for last.
pub async fn all(
    platform: &Platform,
    admission: &Admission,
    principal: &Principal,
    query: &str,
) -> Result<Response<Body>, ApiError> {
    ensure(principal, Scope::Admin)?;
    let Asked { after, limit } = Asked::parse(query)?;
    let mut names = platform.storage.folders_anywhere("").await?;
    names.retain(|name| is_tenant(name) && after.as_ref().is_none_or(|after| name > after));
    let has_more = names.len() > limit;
    names.truncate(limit);
    let read = async |name: String| {
        let measured = platform.ledger.last(&name).await;
        known(admission, &name, measured, platform.rates.of_job(&name))
    };
    let data: Vec<Known> = stream::iter(names)
        .map(read)
        .buffered(READ_AT_ONCE)
        .collect()
        .await;
    let id = |one: Option<&Known>| one.map(|one| one.tenant.clone());
    json(&Page {
        object: "list",
        first_id: id(data.first()),
        last_id: id(data.last()),
        data,
        has_more,
    })
}

fn known(admission: &Admission, tenant: &str, measured: Option<Measured>, quota: Quota) -> Known {
    let (requests_under_way, requests_waiting) = admission.of(tenant);
    Known {
        object: "usage",
        tenant: tenant.to_owned(),
        usage: measured.map(|measured| measured.usage),
        measured_at: measured.map(|measured| measured.at_ms / 1_000),
        quota,
        requests_under_way,
        requests_waiting,
    }
}

/// Which page.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    after: Option<String>,
    limit: usize,
}

impl Asked {
    fn parse(query: &str) -> Result<Self, ApiError> {
        let mut asked = Self {
            after: None,
            limit: DEFAULT_PAGE,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "after" => asked.after = Some(value.into_owned()),
                "limit" => {
                    let limit = value.parse().ok();
                    let limit = limit.filter(|limit| (1..=MOST_ON_A_PAGE).contains(limit));
                    asked.limit = limit.ok_or_else(|| {
                        let text = format!("'limit' must be a number from 1 to {MOST_ON_A_PAGE}.");
                        ApiError::invalid_request(text).param("limit")
                    })?;
                }
                other => {
                    let text =
                        format!("There is no parameter '{other}': only 'after' and 'limit'.");
                    return Err(ApiError::invalid_request(text).param(other));
                }
            }
        }
        Ok(asked)
    }
}

fn ensure(principal: &Principal, scope: Scope) -> Result<(), ApiError> {
    if principal.may(scope) {
        return Ok(());
    }
    let text = format!(
        "The token lacks the scope '{}', which this request needs; use one that has it.",
        scope.name()
    );
    Err(ApiError::new(Code::InsufficientPermissions, text))
}

fn json(value: &impl Serialize) -> Result<Response<Body>, ApiError> {
    let body = serde_json::to_vec(value)
        .map_err(|error| ApiError::plain(500, format!("The answer cannot be written: {error}.")))?;
    Ok(answer::text("application/json", body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_as_elsewhere() {
        let asked = Asked::parse("limit=5&after=acme").unwrap();
        assert_eq!((asked.limit, asked.after.as_deref()), (5, Some("acme")));
        assert_eq!(Asked::parse("").unwrap().limit, DEFAULT_PAGE);
        for (query, param) in [
            ("limit=0", "limit"),
            ("limit=x", "limit"),
            ("order=asc", "order"),
        ] {
            let error = Asked::parse(query).unwrap_err();
            assert_eq!((error.status, error.param.as_deref()), (400, Some(param)));
        }
    }
}
