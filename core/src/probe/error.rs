//! Why a storage cannot be trusted.

use thiserror::Error;

use crate::objects::{ObjectError, Obstacle};

/// Why a storage cannot be trusted or used. The texts are for its operator, and say what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProbeError {
    /// Both of two writes that create one object succeeded.
    #[error(
        "the storage ignores conditional writes: of two writers that create an object \
         (`If-None-Match: *`) the second overwrites the first, and acknowledged data would be lost. \
         Use a storage that keeps to them, as Amazon S3, MinIO, Ceph and R2 do, update this one, or \
         let the proxy before it pass the header on"
    )]
    ConditionalWritesIgnored,
    /// Several of those that created one object at the same moment succeeded.
    #[error(
        "the storage's conditional writes are not atomic: {winners} of {writers} writers that created \
         one object at the same moment succeeded, and acknowledged data would be lost. Use a storage \
         whose conditional writes (`If-None-Match: *`) are atomic, as those of Amazon S3, MinIO, Ceph \
         and R2 are"
    )]
    ConditionalWritesNotAtomic {
        /// How many were told that they had created it.
        winners: usize,
        /// Of how many.
        writers: usize,
    },
    /// It says that it does not know conditional writes.
    #[error(
        "{0}: without them writers would overwrite each other. Use a storage that has them, as Amazon \
         S3, MinIO, Ceph and R2 do, or update this one"
    )]
    ConditionalWritesUnsupported(String),
    /// It does not know another operation.
    #[error("{what} is not supported by the storage: {text}")]
    Unsupported {
        /// What was tried.
        what: &'static str,
        /// What it said.
        text: String,
    },
    /// There is no such bucket.
    #[error("{0}")]
    NoSuchBucket(String),
    /// The credentials do not allow it.
    #[error("{what} is not allowed: {text}")]
    Denied {
        /// What was tried.
        what: &'static str,
        /// What it said.
        text: String,
    },
    /// It does not answer as it should; this may pass.
    #[error("{what} failed: {text}; start again when the storage answers")]
    Unavailable {
        /// What was tried.
        what: &'static str,
        /// What it said.
        text: String,
    },
    /// There is no space left.
    #[error("{0}: free some")]
    OutOfSpace(String),
    /// What had just been written was not there, or was something else.
    #[error(
        "an object that had just been written could not be read back ({0}): the storage, or a cache \
         before it, answers with what it held before. Use one that is consistent"
    )]
    NotReadBack(String),
    /// A listing does not show what had just been written.
    #[error(
        "a listing does not show an object that had just been written ({0}): the storage, or a cache \
         before it, lists late. Use one whose listings are consistent"
    )]
    NotListed(String),
    /// A listing is in another order, or does not resume where it was told to.
    #[error(
        "listings do not come in the order of keys, or do not resume after a key (listed {0}). Use a \
         general purpose bucket: directory buckets list in no order"
    )]
    ListedOutOfOrder(String),
    /// What was deleted is still there.
    #[error(
        "an object that had been deleted is still there ({0}): the storage, or a cache before it, \
         forgets late. Use one that is consistent"
    )]
    NotDeleted(String),
}

impl ProbeError {
    /// Trying `what` gave `error`, which no storage that can be used gives.
    pub(super) fn of(what: &'static str, error: ObjectError) -> Self {
        match error {
            ObjectError::Unusable { obstacle, text } => match obstacle {
                Obstacle::NoSuchBucket => Self::NoSuchBucket(text),
                Obstacle::Unsupported => Self::Unsupported { what, text },
                Obstacle::Refused => Self::Denied { what, text },
            },
            ObjectError::OutOfSpace(text) => Self::OutOfSpace(text),
            other => Self::Unavailable {
                what,
                text: other.to_string(),
            },
        }
    }

    /// The same of a conditional write.
    pub(super) fn of_creation(error: ObjectError) -> Self {
        match Self::of("writing", error) {
            Self::Unsupported { text, .. } => Self::ConditionalWritesUnsupported(text),
            other => other,
        }
    }

    /// Whether trying again may help, with nobody having changed anything.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::OutOfSpace(_))
    }
}

/// What whoever wanted to write gets to know of it.
impl From<ProbeError> for ObjectError {
    fn from(error: ProbeError) -> Self {
        let text = error.to_string();
        match error {
            ProbeError::Unavailable { .. } => Self::Unavailable(text),
            ProbeError::OutOfSpace(_) => Self::OutOfSpace(text),
            ProbeError::Denied { .. } => Self::unusable(Obstacle::Refused, text),
            ProbeError::NoSuchBucket(_) => Self::unusable(Obstacle::NoSuchBucket, text),
            _ => Self::unusable(Obstacle::Unsupported, text),
        }
    }
}
