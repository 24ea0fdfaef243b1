//! Errors of storage as the platform's.

use dayfly_core::objects::{ObjectError, Obstacle};

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
            ObjectError::OverQuota(text) => Self::OverQuota(text),
            ObjectError::Unavailable(text) => Self::Unavailable(text),
            ObjectError::Unusable { obstacle, text } => Self::Unusable(objects::Unusable {
                obstacle: obstacle.into(),
                text,
            }),
        }
    }
}

impl From<Obstacle> for objects::Obstacle {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::NoSuchBucket => Self::NoSuchBucket,
            Obstacle::Unsupported => Self::Unsupported,
            Obstacle::Refused => Self::Refused,
        }
    }
}
