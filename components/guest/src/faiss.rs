//! The native index, through the platform.

use dayfly_core::api::{RebuildObject, RebuildStatus};
use dayfly_core::error::ApiError;

use crate::bindings::dayfly::platform::faiss::{self, Error, Phase, Rebuild};

/// Asks for a store's rows to be merged into a new base.
///
/// Errors: 501 where there is no FAISS service, 404 for a store that it does not know, 503 when it
/// cannot be reached now.
pub fn request_rebuild(store: &str) -> Result<RebuildObject, ApiError> {
    answer(store, faiss::request_rebuild(store))
}

/// Where that stands; errors as those of [`request_rebuild`].
pub fn status(store: &str) -> Result<RebuildObject, ApiError> {
    answer(store, faiss::status(store))
}

fn answer(store: &str, rebuild: Result<Rebuild, Error>) -> Result<RebuildObject, ApiError> {
    let rebuild = rebuild.map_err(api_error)?;
    let status = match rebuild.phase {
        Phase::Idle => RebuildStatus::Idle,
        Phase::Queued => RebuildStatus::Queued,
        Phase::Running => RebuildStatus::InProgress,
        Phase::Failed => RebuildStatus::Failed,
    };
    Ok(RebuildObject::new(
        store,
        status,
        rebuild.rows_done,
        rebuild.rows,
        rebuild.message,
    ))
}

fn api_error(error: Error) -> ApiError {
    match error {
        Error::NotConfigured(text) => {
            ApiError::new(501, format!("The store cannot be rebuilt: {text}."))
                .code("not_configured")
        }
        Error::NotFound => ApiError::not_found("The FAISS service knows no such vector store."),
        Error::Denied(text) => ApiError::new(403, text).code("insufficient_permissions"),
        Error::Invalid(text) => ApiError::invalid_request(text),
        Error::Unavailable(text) => ApiError::unavailable(text),
    }
}
