//! Which file a request makes.

use dayfly_core::api::{ApiError, Code};
use dayfly_core::{files, ids, ops};

use crate::call::Call;
use crate::surroundings::platform;

/// The file that a request makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: String,
    /// Whether the request has an idempotency key: an earlier one may have made the file, and one
    /// at the same time may be making it.
    pub is_repeatable: bool,
}

impl Made {
    /// A new file, or the one that the request's idempotency key stands for among requests of the
    /// kind that `what` names.
    ///
    /// Errors: 400 for an unusable key, 409 where the file that it made was deleted just now.
    pub fn by(
        call: &Call,
        what: impl FnOnce() -> Result<String, ApiError>,
    ) -> Result<Self, ApiError> {
        let Some(key) = call.idempotency_key()? else {
            return Ok(Self {
                id: platform().new_id(ids::FILE_PREFIX),
                is_repeatable: false,
            });
        };
        let id = ops::idempotent_file_id(platform(), &what()?, &key)?;
        // What this request brings would be removed by that deletion.
        if files::is_being_deleted(platform().objects, &id)? {
            return Err(ApiError::new(
                Code::Deleted,
                "The file that this 'Idempotency-Key' made was deleted; send a new key.",
            ));
        }
        Ok(Self {
            id,
            is_repeatable: true,
        })
    }
}
