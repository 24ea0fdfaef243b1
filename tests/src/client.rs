//! An HTTP client that shows everything: no status is an error of its own.

use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Request};
use ureq::{Agent, SendBody};

/// What a request carries.
pub enum Payload {
    /// No body at all.
    Empty,
    /// A body with a `content-length`.
    Bytes(Vec<u8>),
    /// A body that is read while it is sent, with its length where it is known.
    Stream(Box<dyn Read + Send>, Option<u64>),
}

/// A caller of one server, with or without a token.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
    headers: Vec<(String, String)>,
    numbers_requests: bool,
}

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    numbered: bool,
}

/// The inside of OpenAI's error envelope.
#[derive(Debug)]
pub struct ErrorBody {
    /// For the person who called.
    pub message: String,
    /// OpenAI's error type.
    pub kind: String,
    /// The parameter at fault.
    pub param: Option<String>,
    /// For the program that called.
    pub code: Option<String>,
}

impl Client {
    /// A caller of the server at `base` (`http://host:port`), with a time-out of five minutes.
    pub fn new(base: &str) -> Self {
        Self::with_timeout(base, Duration::from_secs(300))
    }

    /// The same caller, without a token, which waits for half an hour.
    #[must_use]
    pub fn patient(&self) -> Self {
        Self {
            numbers_requests: self.numbers_requests,
            ..Self::with_timeout(&self.base, Duration::from_secs(1_800))
        }
    }

    /// The same caller, who makes a connection for each request and waits so long for its answer.
    #[must_use]
    pub fn afresh(&self, timeout: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0);
        Self {
            agent: config.build().into(),
            ..self.clone()
        }
    }

    fn with_timeout(base: &str, timeout: Duration) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .into();
        Self {
            agent,
            base: base.to_owned(),
            token: None,
            headers: Vec::new(),
            numbers_requests: true,
        }
    }

    /// The same caller of a server that gives no request ids.
    #[must_use]
    pub fn without_request_ids(self) -> Self {
        Self {
            numbers_requests: false,
            ..self
        }
    }

    /// The same caller with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same caller, who sends that header with each request.
    #[must_use]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// `http://host:port` of the server.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, None, Payload::Empty)
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, None, Payload::Empty)
    }

    /// `POST path` with a JSON body.
    pub fn post_json(&self, path: &str, body: &Value) -> Answer {
        let bytes = body.to_string().into_bytes();
        self.post(path, "application/json", bytes)
    }

    /// `POST path` with any body.
    pub fn post(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.request(
            "POST",
            path,
            Some(content_type),
            Payload::Bytes(body.into()),
        )
    }

    /// Any request.
    ///
    /// # Panics
    /// When no whole response comes.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        payload: Payload,
    ) -> Answer {
        self.attempt(method, path, content_type, payload)
            .unwrap_or_else(|error| panic!("{method} {path} got no answer: {error}"))
    }

    /// Any request to a server that may be killed under it.
    ///
    /// # Errors
    /// When no whole response comes.
    pub fn attempt(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        payload: Payload,
    ) -> Result<Answer, ureq::Error> {
        let mut builder = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        if let Some(content_type) = content_type {
            builder = builder.header("content-type", content_type);
        }
        let (body, length) = match payload {
            Payload::Empty => (SendBody::none(), None),
            Payload::Bytes(bytes) => {
                let length = bytes.len() as u64;
                let reader = std::io::Cursor::new(bytes);
                (SendBody::from_owned_reader(reader), Some(length))
            }
            Payload::Stream(reader, length) => (SendBody::from_owned_reader(reader), length),
        };
        if let Some(length) = length {
            builder = builder.header("content-length", length);
        }
        let mut response = self.agent.run(builder.body(body)?)?;
        let bytes = response
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_to_vec()?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: bytes,
            numbered: self.numbers_requests,
        })
    }
}

impl Answer {
    /// The body as text, for messages too.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// One header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The JSON body of a response with status 200.
    ///
    /// # Panics
    /// On any other status, and when the body is not JSON.
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "unexpected answer: {}", self.text());
        self.json()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text()))
    }

    /// The error of a response with status `status`, checked to be whole: OpenAI's envelope,
    /// a message, and a request id where the server gives one.
    ///
    /// # Panics
    /// On any other status or shape.
    pub fn error(&self, status: u16) -> ErrorBody {
        assert_eq!(self.status, status, "unexpected answer: {}", self.text());
        assert!(
            !self.numbered || self.header("x-request-id").is_some_and(|id| !id.is_empty()),
            "no x-request-id: {:?}",
            self.headers
        );
        let body = self.json();
        let error = &body["error"];
        for field in ["message", "type", "param", "code"] {
            assert!(error.get(field).is_some(), "no error.{field} in {body}");
        }
        let text = |field: &str| error[field].as_str().map(str::to_owned);
        let message = text("message").unwrap_or_default();
        assert!(message.len() > 10, "a message that says nothing: {body}");
        for leak in ["panicked", "wasm trap", "/work/", "src/", "RUST_BACKTRACE"] {
            assert!(
                !message.contains(leak),
                "the message leaks internals: {body}"
            );
        }
        ErrorBody {
            message,
            kind: text("type").unwrap_or_default(),
            param: text("param"),
            code: text("code"),
        }
    }
}
