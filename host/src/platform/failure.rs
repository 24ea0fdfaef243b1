use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use thiserror::Error;

use super::bindings::dayfly::platform::objects;

/// Why an object cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// There is none.
    #[error("there is no such object")]
    NotFound,
    /// There is one already.
    #[error("the object exists already")]
    AlreadyExists,
    /// Not authenticated, or without the scope.
    #[error("{0}")]
    Denied(String),
    /// The key breaks the rules.
    #[error("{0}")]
    InvalidKey(String),
    /// More than the platform moves at once.
    #[error("{0}")]
    TooLarge(String),
    /// The store is full.
    #[error("{0}")]
    OutOfSpace(String),
    /// May pass.
    #[error("{0}")]
    Unavailable(String),
}

impl From<Failure> for objects::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound => Self::NotFound,
            Failure::AlreadyExists => Self::AlreadyExists,
            Failure::Denied(text) => Self::Denied(text),
            Failure::InvalidKey(text) => Self::InvalidKey(text),
            Failure::TooLarge(text) => Self::TooLarge(text),
            Failure::OutOfSpace(text) => Self::OutOfSpace(text),
            Failure::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

/// What callers get to know; the log has the rest. `place` names the store for its operator.
pub fn explain(error: &object_store::Error, place: &str) -> Failure {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => return Failure::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => return Failure::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            tracing::error!(%error, "the object store refuses the server's credentials");
            return Failure::Unavailable(format!(
                "the server may not access {place}: its operator has to check its credentials"
            ));
        }
        _ => {}
    }
    match io_kind(error) {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => {
            Failure::OutOfSpace(format!("there is no space left in {place}"))
        }
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            tracing::error!(%error, "the data directory cannot be used");
            Failure::Unavailable(format!(
                "the server may not use {place}: its operator has to check the owner and mode of everything below it"
            ))
        }
        Some(ErrorKind::NotADirectory | ErrorKind::IsADirectory) => Failure::InvalidKey(
            "an object cannot lie below another, nor where others lie below it".into(),
        ),
        _ => {
            tracing::warn!(%error, "the object store failed");
            Failure::Unavailable("the object store failed; try again".into())
        }
    }
}

/// The kind of the innermost I/O error that caused `error`.
pub fn io_kind(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    let mut kind = None;
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            kind = Some(io.kind());
        }
        cause = error.source();
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(kind: ErrorKind) -> object_store::Error {
        object_store::Error::Generic {
            store: "test",
            source: Box::new(io::Error::from(kind)),
        }
    }

    #[test]
    fn a_full_disk_is_out_of_space() {
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            assert!(matches!(
                explain(&generic(kind), "/data"),
                Failure::OutOfSpace(_)
            ));
        }
    }

    #[test]
    fn a_forbidden_directory_is_named() {
        let failure = explain(&generic(ErrorKind::PermissionDenied), "/data");
        assert!(matches!(&failure, Failure::Unavailable(text) if text.contains("/data")));
    }

    #[test]
    fn anything_else_may_pass() {
        assert!(matches!(
            explain(&generic(ErrorKind::Other), "/data"),
            Failure::Unavailable(_)
        ));
    }
}
