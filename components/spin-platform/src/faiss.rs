//! The FAISS service of a native Dayfly, over HTTP.
//!
//! A rebuild is asked for, and followed, by `POST` and `GET /v1/vector_stores/{store}/rebuild`; a
//! base is searched by `POST /v1/vector_stores/{store}/bases/{base}/search`. Both carry the caller's
//! own token, so the service decides what it may do.

use std::time::Duration;

use dayfly_core::api::{IndexHit, IndexHits, IndexQuery, RebuildObject, RebuildRequest};
use dayfly_core::objects::keys::check_segment;
use dayfly_core::retry::RetryPolicy;
use rusty_s3::Method;
use serde::Deserialize;
use url::Url;

use crate::s3::{Fault, Request, Response, Room, Transport};

/// One try may take so long: a search of a base that is not yet in memory reads it.
const ATTEMPT: Duration = Duration::from_secs(10);
const POLICY: RetryPolicy = RetryPolicy {
    base: Duration::from_millis(100),
    cap: Duration::from_secs(2),
    max_attempts: 3,
    deadline: Duration::from_secs(20),
};
/// More than the largest answer: ten thousand hits.
const LARGEST_ANSWER: u64 = 1 << 20;

/// Why the service did not do as it was asked; as the platform's `faiss.error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is none.
    NotConfigured(String),
    /// It knows no such store or base.
    NotFound,
    /// The token does not allow it.
    Denied(String),
    /// The request has to be changed.
    Invalid(String),
    /// It may pass.
    Unavailable(String),
}

#[derive(Deserialize)]
struct Refusal {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    message: String,
}

/// The service, for one caller.
pub struct Service<'a, T> {
    /// Where it is; none where the operator named none.
    pub origin: Option<&'a Url>,
    /// The caller's `authorization`.
    pub authorization: Option<&'a str>,
    /// The way there.
    pub transport: &'a T,
}

impl<T: Transport> Service<'_, T> {
    /// Asks for a rebuild.
    pub async fn request_rebuild(
        &self,
        store: &str,
        request: &RebuildRequest,
    ) -> Result<RebuildObject, Error> {
        let body =
            serde_json::to_vec(request).map_err(|fault| Error::Invalid(fault.to_string()))?;
        self.rebuild(Method::Post, store, &body).await
    }

    /// Where a rebuild stands.
    pub async fn status(&self, store: &str) -> Result<RebuildObject, Error> {
        self.rebuild(Method::Get, store, &[]).await
    }

    /// The rows of a base that are nearest.
    pub async fn search(
        &self,
        store: &str,
        base: &str,
        query: &IndexQuery,
    ) -> Result<Vec<IndexHit>, Error> {
        let body = serde_json::to_vec(query).map_err(|fault| Error::Invalid(fault.to_string()))?;
        let path = ["vector_stores", store, "bases", base, "search"];
        let response = self.call(Method::Post, &path, &body).await?;
        let found: IndexHits = parse(&response)?;
        Ok(found.hits)
    }

    async fn rebuild(
        &self,
        method: Method,
        store: &str,
        body: &[u8],
    ) -> Result<RebuildObject, Error> {
        let path = ["vector_stores", store, "rebuild"];
        parse(&self.call(method, &path, body).await?)
    }

    /// Every call may be repeated: asking again changes nothing.
    async fn call(&self, method: Method, path: &[&str], body: &[u8]) -> Result<Response, Error> {
        let origin = self.origin.ok_or_else(not_configured)?;
        let url = address(origin, path)?;
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(self.authorization.map(|value| ("authorization", value)));
        let start = self.transport.monotonic();
        let mut attempts = 0;
        loop {
            let request = Request {
                method,
                url: url.clone(),
                headers: &headers,
                body,
            };
            let room = Room::new(LARGEST_ANSWER);
            let left = (start + POLICY.deadline).saturating_sub(self.transport.monotonic());
            let limit = ATTEMPT.min(left);
            let answer = self.transport.exchange(&request, &room, limit).await;
            let error = match answer.map_err(unreachable).and_then(accepted) {
                Err(error @ Error::Unavailable(_)) => error,
                decided => return decided,
            };
            attempts += 1;
            let elapsed = self.transport.monotonic().saturating_sub(start);
            let Some(wait) = POLICY.next(attempts, None, elapsed, self.transport.random()) else {
                return Err(error);
            };
            self.transport.sleep(wait).await;
        }
    }
}

/// The names become a path, so they have to be plain.
fn address(origin: &Url, path: &[&str]) -> Result<Url, Error> {
    for segment in path {
        check_segment(segment).map_err(|error| Error::Invalid(error.to_string()))?;
    }
    origin
        .join(&format!("/v1/{}", path.join("/")))
        .map_err(|fault| Error::Invalid(fault.to_string()))
}

fn accepted(response: Response) -> Result<Response, Error> {
    if response.is_success() {
        return Ok(response);
    }
    let text = serde_json::from_slice(&response.body).map_or_else(
        |_| format!("the FAISS service answered with status {}", response.status),
        |refusal: Refusal| refusal.error.message,
    );
    Err(match response.status {
        404 => Error::NotFound,
        401 | 403 => Error::Denied(text),
        501 => Error::NotConfigured(text),
        429 | 500.. => Error::Unavailable(text),
        _ => Error::Invalid(text),
    })
}

fn unreachable(fault: Fault) -> Error {
    Error::Unavailable(match fault {
        Fault::NotSent(text) | Fault::Lost(text) => {
            format!("the FAISS service could not be reached ({text}); try again")
        }
        Fault::Forbidden(_) => "this component may not reach the FAISS service: the operator has \
            to name `faiss_origin` in its `allowed_outbound_hosts`"
            .to_owned(),
        Fault::TooLarge(error) => error.to_string(),
    })
}

fn parse<'a, A: Deserialize<'a>>(response: &'a Response) -> Result<A, Error> {
    serde_json::from_slice(&response.body).map_err(|fault| {
        Error::Unavailable(format!(
            "the FAISS service's answer cannot be understood ({fault}): it may be of another version"
        ))
    })
}

fn not_configured() -> Error {
    Error::NotConfigured(
        "there is no FAISS service here: its operator may name one in the variable `faiss_origin`"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests;
