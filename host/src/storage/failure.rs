//! What storage's errors mean.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use dayfly_core::objects::{ObjectError, Obstacle};

use super::bucket::NotImplemented;

/// As callers get to know it: its name is for the operator, who reads the log.
const STORAGE: &str = "the server's storage";

/// What callers get to know; the log has the rest, and `place`.
pub fn explain(error: &object_store::Error, place: &str) -> ObjectError {
    use object_store::Error;
    match error {
        _ if says(error, &NO_BUCKET) => {
            tracing::error!(%error, place, "the bucket does not exist");
            let text = format!(
                "the bucket of {STORAGE} does not exist: its operator has to make it, or to correct its name or the endpoint"
            );
            return ObjectError::unusable(Obstacle::NoSuchBucket, text);
        }
        _ if is_unsupported(error) => {
            tracing::error!(%error, place, "the object store does not know a request");
            let text = format!("{STORAGE} does not know what was asked of it");
            return ObjectError::unusable(Obstacle::Unsupported, text);
        }
        Error::NotFound { .. } => return ObjectError::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } => {
            return ObjectError::AlreadyExists;
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            return refused(error, place);
        }
        // The client tells a refused listing from other failures by its text alone.
        _ if says(error, &["status code: 403", "status code: 401"]) => {
            return refused(error, place);
        }
        _ => {}
    }
    match io_kind(error) {
        Some(ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge) => {
            tracing::error!(%error, place, "there is no space left");
            ObjectError::OutOfSpace(format!("there is no space left in {STORAGE}"))
        }
        Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            tracing::error!(%error, place, "the data directory cannot be used");
            ObjectError::unusable(
                Obstacle::Refused,
                format!(
                    "the server may not use {STORAGE}: its operator has to check the owner and mode of everything below it"
                ),
            )
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
    tracing::error!(%error, place, "the object store refuses the server's credentials");
    ObjectError::unusable(
        Obstacle::Refused,
        format!(
            "the server may not access {STORAGE}: its operator has to check its credentials, and what they allow"
        ),
    )
}

/// As [`explain`], of a write that creates.
pub fn explain_creation(error: &object_store::Error, place: &str) -> ObjectError {
    let explained = explain(error, place).advising_where_unsupported(|| {
        format!(
            "{STORAGE} does not support conditional writes (`If-None-Match: *`), and Dayfly needs them"
        )
    });
    match explained {
        // There is nothing that a write could miss.
        ObjectError::NotFound => {
            ObjectError::Unavailable(format!("{STORAGE} answered 404 to a write; try again"))
        }
        other => other,
    }
}

/// As [`explain`], of deletions, which are asked for many at a time.
pub fn explain_deletion(error: &object_store::Error, place: &str) -> ObjectError {
    explain(error, place).advising_where_unsupported(|| {
        format!(
            "{STORAGE} does not know deletions of many objects: its operator has to set AWS_DISABLE_BULK_DELETE=true"
        )
    })
}

/// In the words of S3, Google and Azure. No key can hold these, so nobody can fake them.
const NO_BUCKET: [&str; 2] = [
    "<Code>NoSuchBucket</Code>",
    "<Code>ContainerNotFound</Code>",
];

fn is_unsupported(error: &object_store::Error) -> bool {
    causes(error).any(<dyn StdError>::is::<NotImplemented>)
        || matches!(error, object_store::Error::NotImplemented { .. })
        || says(error, &["status code: 405", "<Code>NotImplemented</Code>"])
}

/// Whether the client's text, which quotes the storage's, has one of these in it.
fn says(error: &object_store::Error, words: &[&str]) -> bool {
    causes(error).any(|cause| {
        let text = cause.to_string();
        words.iter().any(|word| text.contains(word))
    })
}

type Cause<'a> = &'a (dyn StdError + 'static);

/// The error, and what caused it, one after another.
fn causes<'a>(error: Cause<'a>) -> impl Iterator<Item = Cause<'a>> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}

/// The kind of the innermost I/O error that caused `error`.
pub fn io_kind(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    let kinds = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>());
    kinds.map(io::Error::kind).last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(failure: &ObjectError) -> Option<Obstacle> {
        match failure {
            ObjectError::Unusable { obstacle, .. } => Some(*obstacle),
            _ => None,
        }
    }

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
    fn a_forbidden_directory_is_for_the_operator() {
        let failure = explain(&generic(ErrorKind::PermissionDenied), "/data");
        assert_eq!(obstacle(&failure), Some(Obstacle::Refused));
        assert!(failure.to_string().contains("its operator"));
    }

    #[test]
    fn callers_are_not_told_where_things_are_kept() {
        let errors = [
            ErrorKind::StorageFull,
            ErrorKind::PermissionDenied,
            ErrorKind::NotADirectory,
            ErrorKind::Other,
        ];
        let errors = errors.map(generic).into_iter();
        let said = ["403 Forbidden", "405 Method", NO_BUCKET[0]].map(|text| {
            object_store::Error::Generic {
                store: "S3",
                source: format!("Server returned non-2xx status code: {text}").into(),
            }
        });
        for error in errors.chain(said) {
            for explain in [explain, explain_creation, explain_deletion] {
                let text = explain(&error, "/data/secret").to_string();
                assert!(!text.contains("secret"), "{text}");
            }
        }
    }

    #[test]
    fn a_refused_listing_is_for_the_operator() {
        let error = object_store::Error::Generic {
            store: "S3",
            source: "Server returned non-2xx status code: 403 Forbidden: ".into(),
        };
        let failure = explain(&error, "s3://bucket");
        assert_eq!(obstacle(&failure), Some(Obstacle::Refused));
        assert!(failure.to_string().contains("credentials"));
    }

    #[test]
    fn a_bucket_that_is_missing_is_no_missing_object() {
        for (text, expected) in [
            (
                "404: <Error><Code>NoSuchBucket</Code></Error>",
                Some(Obstacle::NoSuchBucket),
            ),
            (
                "404: <Error><Code>ContainerNotFound</Code></Error>",
                Some(Obstacle::NoSuchBucket),
            ),
            (
                "404: <Error><Code>NoSuchKey</Code><Key>NoSuchBucket</Key></Error>",
                None,
            ),
        ] {
            let error = object_store::Error::NotFound {
                path: "a".into(),
                source: text.into(),
            };
            assert_eq!(
                obstacle(&explain(&error, "s3://bucket")),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_storage_does_not_know_is_no_passing_failure() {
        for source in [
            Box::new(NotImplemented) as Box<dyn StdError + Send + Sync>,
            "Server returned non-2xx status code: 405 Method Not Allowed: ".into(),
        ] {
            let error = object_store::Error::Generic {
                store: "S3",
                source,
            };
            let failure = explain_creation(&error, "s3://bucket");
            assert_eq!(obstacle(&failure), Some(Obstacle::Unsupported));
            assert!(failure.to_string().contains("conditional writes"));
        }
    }

    #[test]
    fn anything_else_may_pass() {
        assert!(matches!(
            explain(&generic(ErrorKind::Other), "/data"),
            ObjectError::Unavailable(_)
        ));
    }
}
