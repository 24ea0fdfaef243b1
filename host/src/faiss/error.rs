//! What the service answers where it does not do as it was asked.

use dayfly_core::api::{ApiError, Code};
use dayfly_core::objects::ObjectError;
use dayfly_core::store::StoreError;
use thiserror::Error as ThisError;

/// Why the service did not do as it was asked; as the platform's `faiss.error`.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    /// FAISS is not there.
    #[error("{0}")]
    NotConfigured(String),
    /// There is no such store, or no such base of it.
    #[error("there is no such base")]
    NotFound,
    /// The caller may not do this.
    #[error("{0}")]
    Denied(String),
    /// The request has to be changed.
    #[error("{0}")]
    Invalid(String),
    /// It may pass.
    #[error("{0}")]
    Unavailable(String),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        match error.status {
            404 => Self::NotFound,
            401 | 403 => Self::Denied(error.message),
            501 => Self::NotConfigured(error.message),
            400..=499 => Self::Invalid(error.message),
            _ => Self::Unavailable(error.message),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error.is_missing() {
            true => Self::NotFound,
            false => ApiError::from(error).into(),
        }
    }
}

impl From<ObjectError> for Error {
    fn from(error: ObjectError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::NotConfigured(_) => Self::new(Code::NotConfigured, text),
            Error::NotFound => Self::not_found("The FAISS service knows no such vector store."),
            Error::Denied(_) => Self::new(Code::InsufficientPermissions, text),
            Error::Invalid(_) => Self::invalid_request(text),
            Error::Unavailable(_) => Self::unavailable(text),
        }
    }
}

#[cfg(feature = "faiss")]
impl From<crate::confined::Failure> for Error {
    fn from(failure: crate::confined::Failure) -> Self {
        use crate::confined::Failure;
        match failure {
            Failure::Invalid(text) => Self::Invalid(text),
            Failure::Corrupt(_) => Self::Unavailable(DAMAGED.to_owned()),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// What to do about an index that cannot be searched.
#[cfg(feature = "faiss")]
pub(super) const DAMAGED: &str = "the store's native index is damaged: ask for a rebuild \
     (POST /v1/vector_stores/{id}/rebuild), or restore it from a backup";
