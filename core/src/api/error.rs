//! An error as the API tells it. What errors there are is in `code`; which of them an error of `core`
//! is, in `causes`.

use serde_json::json;
use thiserror::Error;

use super::Code;

/// An answer that is an error: what went wrong and what the caller should do about it.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// For a person: what is wrong, and what to do.
    pub message: String,
    /// The request's field at fault.
    pub param: Option<String>,
    /// For a program; a plain 400, 404 or 409 has none.
    pub code: Option<Code>,
    /// Seconds after which the same request may succeed.
    pub retry_after_s: Option<u32>,
}

impl ApiError {
    /// The error of a code, which has its status.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code: Some(code),
            retry_after_s: code.retry_after_s(),
            ..Self::plain(code.status(), message)
        }
    }

    /// An error without a code.
    pub fn plain(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
            retry_after_s: None,
        }
    }

    /// 400: the request has to be changed.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::plain(400, message)
    }

    /// 400, of a body that ended before its end.
    pub fn cut() -> Self {
        Self::invalid_request(
            "The connection broke before the whole body had arrived; send it again.",
        )
    }

    /// 404: what the path names does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::plain(404, message)
    }

    /// 409: the request does not fit the present state.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::plain(409, message)
    }

    /// 503: the same request may succeed in some seconds.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// Names the field at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same request may succeed after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// OpenAI's `type`.
    pub fn kind(&self) -> &'static str {
        match self.status {
            _ if self.is_final() => Code::InsufficientQuota.name(),
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        }
    }

    /// Whether the same request may succeed later, without anybody's doing.
    pub fn may_pass(&self) -> bool {
        self.retry_after_s.is_some()
    }

    /// Whether repeating the request is of no use, though its status suggests it: the answer's header
    /// `x-should-retry` says so to OpenAI's clients.
    pub fn is_final(&self) -> bool {
        self.code == Some(Code::InsufficientQuota)
    }

    /// The response's body in OpenAI's shape.
    pub fn body(&self) -> serde_json::Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind(),
            "param": self.param,
            "code": self.code.map(Code::name),
        }})
    }
}
