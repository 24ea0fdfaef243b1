//! Answers that the host gives itself.

use axum::body::Body;
use dayfly_core::api::{ApiError, Code};
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use super::health::WELL;
use crate::identity::AuthError;
use crate::options::LimitOptions;
use crate::runtime::Death;

/// The response that is `error`, in OpenAI's shape.
pub fn error(error: &ApiError) -> Response<Body> {
    let mut response = Response::new(Body::from(error.body().to_string()));
    *response.status_mut() =
        StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = error.retry_after_s {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if error.is_final() {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    if error.status == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if error.status == 413 {
        // What is left of the body is not worth reading.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Plain text.
pub fn text(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// For probes.
pub fn well() -> Response<Body> {
    text("application/json", WELL)
}

/// 404 for a path that nothing answers.
pub fn unknown_path(path: &str) -> ApiError {
    let shown: String = path.chars().take(200).collect();
    ApiError::not_found(format!(
        "There is nothing at {shown}; the API begins at /v1/."
    ))
}

/// 405.
pub fn method_not_allowed() -> ApiError {
    ApiError::plain(405, "Only GET is allowed here.")
}

/// 403: a server that asks for no token answers only those who mean this machine.
pub fn foreign_origin() -> ApiError {
    ApiError::new(
        Code::ForeignOrigin,
        "Without keys this server answers requests to localhost only, and none that a web page of \
         another site makes; call it as localhost or 127.0.0.1, or give it keys (--auth-key).",
    )
}

/// 401.
pub fn unauthorized(error: &AuthError) -> ApiError {
    ApiError::new(Code::InvalidApiKey, error.to_string())
}

/// 413: the body.
pub fn body_too_large(limits: &LimitOptions) -> ApiError {
    ApiError::new(
        Code::BodyTooLarge,
        format!(
            "The request's body is larger than {} MiB; send the document in parts (/v1/uploads), or \
             in several files.",
            limits.body_mib
        ),
    )
}

/// What the caller gets to know of an instance's death.
pub fn death(death: &Death, limits: &LimitOptions) -> ApiError {
    match death {
        Death::Memory => ApiError::new(
            Code::MemoryLimitExceeded,
            format!(
                "The request needed more than the {} MiB of memory that one may use; send less at once.",
                limits.memory_mib
            ),
        ),
        Death::Cpu => ApiError::new(
            Code::CpuLimitExceeded,
            format!(
                "The request needed more than the {} ms of CPU time that one may use; send less at once.",
                limits.cpu_ms
            ),
        ),
        Death::Wall => ApiError::new(
            Code::Timeout,
            format!(
                "The request was not done within {} ms; send less at once, or attach the document to a vector store, which goes on after the response.",
                limits.wall_ms
            ),
        ),
        Death::TooLarge => body_too_large(limits),
        Death::Trap(_) => ApiError::new(
            Code::InternalError,
            "The server failed. Send the request again; if it fails again, give its operator the x-request-id.",
        ),
    }
}
