//! What can go wrong between a client and its server.

use std::path::PathBuf;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;
use url::Url;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not one of HTTP.
    #[error("{0} is not an http:// or https:// address; give the server's with --url")]
    Address(Url),
    /// Nothing listens there.
    #[error("no server answers at {0}: start one with `dayfly serve`, or name another with --url")]
    Unreachable(Url),
    /// The connection ended before the answer did.
    #[error("the exchange with {url} broke off: {}", innermost(source))]
    Broken {
        /// The server.
        url: Url,
        /// What happened.
        source: reqwest::Error,
    },
    /// The server said no.
    #[error("{0}")]
    Api(Box<ApiAnswer>),
    /// What answers is not Dayfly, or is another version of it.
    #[error("the server's answer is not what Dayfly gives: {0}; check --url")]
    Unexpected(serde_json::Error),
    /// A file that was to be sent cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl ClientError {
    /// Tells a server that is not there from one that went away.
    pub fn from_transport(url: Url, source: reqwest::Error) -> Self {
        if source.is_connect() {
            Self::Unreachable(url)
        } else {
            Self::Broken { url, source }
        }
    }
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}

/// An answer that is an error, in the server's words.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// HTTP status.
    pub status: u16,
    /// What happened and what to do.
    pub message: String,
    /// OpenAI's `type`.
    pub kind: Option<String>,
    /// The request's field at fault.
    pub param: Option<String>,
    /// OpenAI's `code`.
    pub code: Option<String>,
    /// The name under which the server's log knows the request.
    pub request_id: Option<String>,
    /// Seconds after which the server would like to be asked again.
    pub retry_after_s: Option<u64>,
}

impl std::fmt::Display for ApiAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (HTTP {}", self.message, self.status)?;
        match &self.request_id {
            Some(id) => write!(f, ", request {id})"),
            None => write!(f, ")"),
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    error: Fields,
}

#[derive(Deserialize)]
struct Fields {
    message: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    param: Option<String>,
    code: Option<String>,
}

impl ApiAnswer {
    /// Reads OpenAI's error envelope; a body that is none, as a proxy sends, is its own message.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let header = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        let fields = serde_json::from_slice::<Envelope>(body).map_or_else(
            |_| Fields {
                message: plain(status, body),
                kind: None,
                param: None,
                code: None,
            },
            |envelope| envelope.error,
        );
        Self {
            status: status.as_u16(),
            message: fields.message,
            kind: fields.kind,
            param: fields.param,
            code: fields.code,
            request_id: header("x-request-id"),
            retry_after_s: header(RETRY_AFTER.as_str()).and_then(|value| value.parse().ok()),
        }
    }
}

fn plain(status: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.trim().lines().next().unwrap_or_default();
    if line.is_empty() {
        status
            .canonical_reason()
            .unwrap_or("the server refused")
            .to_owned()
    } else {
        line.chars().take(300).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "req_7".parse().unwrap());
        headers.insert("retry-after", "3".parse().unwrap());
        headers
    }

    #[test]
    fn the_servers_words_and_the_request_are_shown() {
        let body = br#"{"error":{"message":"no such store","type":"t","param":null,"code":"c"}}"#;
        let answer = ApiAnswer::read(StatusCode::NOT_FOUND, &headers(), body);
        assert_eq!(
            answer.to_string(),
            "no such store (HTTP 404, request req_7)"
        );
        assert_eq!(answer.code.as_deref(), Some("c"));
        assert_eq!(answer.retry_after_s, Some(3));
    }

    #[test]
    fn a_body_without_an_envelope_is_the_message() {
        let answer = ApiAnswer::read(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"no upstream\n");
        assert_eq!(answer.to_string(), "no upstream (HTTP 502)");
    }

    #[test]
    fn an_empty_body_leaves_the_status_to_speak() {
        let answer = ApiAnswer::read(StatusCode::NOT_FOUND, &HeaderMap::new(), b"");
        assert_eq!(answer.to_string(), "Not Found (HTTP 404)");
    }
}
