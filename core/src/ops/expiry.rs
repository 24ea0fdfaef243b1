//! Deleting files whose time is over.

use super::files::{delete_file, finish_file_deletion};
use crate::files::{self, FileError};
use crate::pending::PendingError;
use crate::platform::Platform;

/// Deletes files that have expired, of the first `limit` that are to expire at all. Whoever asks for one
/// after its time is told that there is none, whether or not this has come to it.
pub fn expire_files(platform: Platform<'_>, limit: u32) -> Result<(), PendingError> {
    let (objects, now_s) = (platform.objects, platform.now_ms() / 1_000);
    let mut outcome = Ok(());
    for due in files::due(objects, now_s, limit)? {
        let over = match files::read(objects, &due.file_id) {
            // One that never came, or was deleted before.
            Err(FileError::NoSuchFile(_)) => Ok(()),
            Ok(file) if !file.is_expired(now_s) => Ok(()),
            Ok(_) => delete_file(platform, &due.file_id)
                .and_then(|()| finish_file_deletion(platform, &due.file_id)),
            Err(FileError::Storage(error)) => Err(error.into()),
            // What cannot be read cannot be told from one that is due.
            Err(_) => delete_file(platform, &due.file_id),
        };
        outcome = outcome.and(match over {
            Ok(()) => files::forget_expiry(objects, &due).map_err(PendingError::from),
            Err(error) => Err(error),
        });
    }
    outcome
}
