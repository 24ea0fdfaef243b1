//! Errors as the API's callers see them: OpenAI's shape, with what to do.

use serde_json::json;
use thiserror::Error;

use crate::chunk::StrategyError;
use crate::decode::{DecodeError, Unsupported};
use crate::filter::{AttributeError, FilterError};
use crate::objects::{ObjectError, Obstacle};
use crate::pending::{LastError, PendingError};
use crate::segment::SegmentError;
use crate::store::StoreError;
use crate::store::runs::RunError;

/// An answer that is an error: what went wrong and what the caller should do about it.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// OpenAI's `type`.
    pub kind: &'static str,
    /// For a person: what is wrong, and what to do.
    pub message: String,
    /// The request's field at fault.
    pub param: Option<String>,
    /// For a program.
    pub code: Option<String>,
    /// Seconds after which the same request may succeed.
    pub retry_after_s: Option<u32>,
}

const INVALID_REQUEST: &str = "invalid_request_error";
const SERVER_ERROR: &str = "server_error";
const INSUFFICIENT_QUOTA: &str = "insufficient_quota";

impl ApiError {
    /// An error of any status; `type` follows from it.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            400..=499 => INVALID_REQUEST,
            _ => SERVER_ERROR,
        };
        Self {
            status,
            kind,
            message: message.into(),
            param: None,
            code: None,
            retry_after_s: None,
        }
    }

    /// 400: the request has to be changed.
    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 400, of a body that ended before its end.
    pub fn cut() -> Self {
        Self::invalid_request(
            "The connection broke before the whole body had arrived; send it again.",
        )
    }

    /// 404: what the path names does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 409: the request does not fit the present state.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// 503: the same request may succeed in some seconds.
    pub fn unavailable(message: impl Into<String>) -> Self {
        let mut error = Self::new(503, message).code("unavailable");
        error.retry_after_s = Some(2);
        error
    }

    /// 429: the caller has as much as it may have, and the same request does not succeed later by itself.
    pub fn over_quota(message: impl Into<String>) -> Self {
        let mut error = Self::new(429, message).code(INSUFFICIENT_QUOTA);
        error.kind = INSUFFICIENT_QUOTA;
        error
    }

    /// Whether repeating the request is of no use, though its status suggests it: the answer's header
    /// `x-should-retry` says so to OpenAI's clients.
    pub fn is_final(&self) -> bool {
        self.kind == INSUFFICIENT_QUOTA
    }

    /// Names the field at fault.
    pub fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Names the error for programs.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The response's body in OpenAI's shape.
    pub fn body(&self) -> serde_json::Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl From<ObjectError> for ApiError {
    fn from(error: ObjectError) -> Self {
        let message = error.to_string();
        match error {
            ObjectError::NotFound => {
                Self::not_found("It does not exist, or was deleted meanwhile.")
            }
            ObjectError::AlreadyExists => {
                Self::conflict("Another request was first; read the present state and try again.")
            }
            ObjectError::Denied(_) => Self::new(403, message).code("insufficient_permissions"),
            ObjectError::InvalidKey(_) => Self::invalid_request(message),
            ObjectError::TooLarge(_) => Self::new(413, message).code("too_large"),
            ObjectError::OutOfSpace(_) => Self::new(507, message).code("out_of_space"),
            ObjectError::OverQuota(_) => Self::over_quota(message),
            ObjectError::Unavailable(_) => Self::unavailable(format!(
                "The object storage did not answer as it should ({message}); try again."
            )),
            // Credentials are renewed without anybody's doing, so this may pass.
            ObjectError::Unusable {
                obstacle: Obstacle::Refused,
                ..
            } => Self::unavailable(format!("The object storage refused: {message}.")),
            ObjectError::Unusable { .. } => Self::new(
                500,
                format!("The object storage cannot be used: {message}."),
            )
            .code("unusable_storage"),
        }
    }
}

impl From<SegmentError> for ApiError {
    fn from(error: SegmentError) -> Self {
        let message = error.to_string();
        match error {
            SegmentError::Invalid(_) => Self::invalid_request(message),
            SegmentError::Storage(fault) => fault.into(),
            SegmentError::Corrupt { .. } => Self::new(500, message).code("corrupt"),
            SegmentError::Build(_) => Self::new(500, message),
        }
    }
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        let message = error.to_string();
        match error {
            RunError::Invalid(_) => Self::invalid_request(message),
            RunError::Storage(fault) => fault.into(),
            RunError::Corrupt { .. } => Self::new(500, message).code("corrupt"),
            RunError::Build(_) => Self::new(500, message),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::NoSuchStore(_) | StoreError::NoSuchFile { .. } => Self::not_found(message),
            StoreError::WrongDimension { .. } => Self::conflict(message).code("dimension_mismatch"),
            StoreError::TooLarge(_) => Self::new(413, message).code("too_large"),
            StoreError::Contended | StoreError::Full => Self::unavailable(message),
            StoreError::Unconfirmed => Self::unavailable(message).code("unconfirmed"),
            StoreError::Overtaken => Self::conflict(message).code("overtaken"),
            StoreError::NewerFormat { .. } | StoreError::Unwritable(_) => Self::new(500, message),
            StoreError::Damaged { .. } => Self::new(500, message).code("damaged_object"),
            StoreError::Segment(error) => error.into(),
            StoreError::Run(error) => error.into(),
            StoreError::Storage(error) => error.into(),
        }
    }
}

/// The code of the error where another attempt is at an ingestion.
pub const HELD: &str = "attempt_held";

impl From<PendingError> for ApiError {
    fn from(error: PendingError) -> Self {
        let message = error.to_string();
        match error {
            PendingError::Held { retry_after_s } => {
                let mut held = Self::conflict(message).code(HELD);
                held.retry_after_s = Some(retry_after_s);
                held
            }
            PendingError::Cancelled => Self::conflict(message).code("cancelled"),
            PendingError::Contended => Self::unavailable(message),
            PendingError::Damaged { .. } => Self::new(500, message).code("damaged_object"),
            PendingError::Store(error) => error.into(),
        }
    }
}

impl From<ApiError> for LastError {
    fn from(error: ApiError) -> Self {
        let code = match error.status {
            415 => "unsupported_file",
            429 => "rate_limit_exceeded",
            400 | 413 => "invalid_file",
            _ => "server_error",
        };
        Self::new(code, error.message)
    }
}

impl From<StrategyError> for ApiError {
    fn from(error: StrategyError) -> Self {
        Self::invalid_request(format!("{error}.")).param(error.param)
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        Self::invalid_request(format!("{error}.")).param(error.path)
    }
}

impl From<AttributeError> for ApiError {
    fn from(error: AttributeError) -> Self {
        Self::invalid_request(format!("{error}.")).param(error.path)
    }
}

impl From<Unsupported> for ApiError {
    fn from(error: Unsupported) -> Self {
        Self::new(415, error.to_string()).code("unsupported_file")
    }
}

impl From<DecodeError> for ApiError {
    fn from(error: DecodeError) -> Self {
        Self::invalid_request(error.to_string()).code("invalid_file")
    }
}
