use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use dayfly_core::objects::ObjectError;

use super::bindings::dayfly::platform::objects;

impl From<ObjectError> for objects::Error {
    fn from(failure: ObjectError) -> Self {
        match failure {
            ObjectError::NotFound => Self::NotFound,
            ObjectError::AlreadyExists => Self::AlreadyExists,
            ObjectError::Denied(text) => Self::Denied(text),
            ObjectError::InvalidKey(text) => Self::InvalidKey(text),
            ObjectError::TooLarge(text) => Self::TooLarge(text),
            ObjectError::OutOfSpace(text) => Self::OutOfSpace(text),
            ObjectError::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

/// What callers get to know; the log has the rest. `place` names the store for its operator.
pub fn explain(error: &object_store::Error, place: &str) -> ObjectError {
    use object_store::Error;
    match error {
        Error::NotFound { .. } => return ObjectError::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => {
            return ObjectError::AlreadyExists;
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            return refused(error, place);
        }
        _ if is_refusal(error) => return refused(error, place),
        _ => {}
    }
    match io_kind(error) {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => {
            ObjectError::OutOfSpace(format!("there is no space left in {place}"))
        }
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            tracing::error!(%error, "the data directory cannot be used");
            ObjectError::Unavailable(format!(
                "the server may not use {place}: its operator has to check the owner and mode of everything below it"
            ))
        }
        Some(ErrorKind::NotADirectory | ErrorKind::IsADirectory) => ObjectError::InvalidKey(
            "an object cannot lie below another, nor where others lie below it".into(),
        ),
        _ => {
            tracing::warn!(%error, "the object store failed");
            ObjectError::Unavailable("the object store failed; try again".into())
        }
    }
}

fn refused(error: &object_store::Error, place: &str) -> ObjectError {
    tracing::error!(%error, "the object store refuses the server's credentials");
    ObjectError::Unavailable(format!(
        "the server may not access {place}: its operator has to check its credentials"
    ))
}

/// The client reports a refused listing like any other failure, with the status in its text alone.
fn is_refusal(error: &object_store::Error) -> bool {
    let mut cause: Option<&dyn StdError> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        if text.contains("status code: 403") || text.contains("status code: 401") {
            return true;
        }
        cause = error.source();
    }
    false
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
                ObjectError::OutOfSpace(_)
            ));
        }
    }

    #[test]
    fn a_forbidden_directory_is_named() {
        let failure = explain(&generic(ErrorKind::PermissionDenied), "/data");
        assert!(matches!(&failure, ObjectError::Unavailable(text) if text.contains("/data")));
    }

    #[test]
    fn a_refused_listing_is_for_the_operator() {
        let error = object_store::Error::Generic {
            store: "S3",
            source: "Server returned non-2xx status code: 403 Forbidden: ".into(),
        };
        let failure = explain(&error, "s3://bucket");
        assert!(matches!(&failure, ObjectError::Unavailable(text) if text.contains("credentials")));
    }

    #[test]
    fn anything_else_may_pass() {
        assert!(matches!(
            explain(&generic(ErrorKind::Other), "/data"),
            ObjectError::Unavailable(_)
        ));
    }
}
