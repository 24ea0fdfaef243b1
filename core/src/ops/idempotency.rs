//! Requests that are repeated with the same key.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids;
use crate::objects::ObjectError;
use crate::pending::PendingError;
use crate::platform::Platform;
use crate::store::StoreError;

/// How long a request is recognised by its key, at the least.
pub const KEPT_MS: u64 = 86_400_000;

/// Where the records are.
pub(super) const FOLDER: &str = "idempotency/";

#[derive(Serialize, Deserialize)]
struct Record {
    file_id: String,
}

/// The id of the file that a request with this idempotency key makes, the same each time it is
/// repeated. `what` tells requests of one kind from those of others.
///
/// Whether it was made already the caller finds out by looking for the file.
pub fn file_id(platform: Platform<'_>, what: &str, key: &str) -> Result<String, PendingError> {
    let mut digest = Sha256::new();
    digest.update(what);
    digest.update([0]);
    digest.update(key);
    let at = format!("{FOLDER}{:x}.json", digest.finalize());
    let record = Record {
        file_id: platform.new_id(ids::FILE_PREFIX),
    };
    let data = serde_json::to_vec(&record)
        .map_err(|fault| StoreError::Unwritable(format!("The key: {fault}.")))?;
    match platform.objects.put_new(&at, &data) {
        Ok(()) => Ok(record.file_id),
        Err(ObjectError::AlreadyExists) => {
            let known: Record = serde_json::from_slice(&platform.objects.get(&at)?)
                .map_err(|fault| StoreError::damaged(&at, &fault))?;
            Ok(known.file_id)
        }
        Err(error) => Err(error.into()),
    }
}
