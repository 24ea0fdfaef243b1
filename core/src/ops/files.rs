//! Deleting a file everywhere.

use super::detach::finish_detach;
use crate::deletion::OF_FILES;
use crate::files;
use crate::pending::{self, PendingError};
use crate::platform::Platform;
use crate::store::{self, StoreError};

/// Deletes a file and takes it out of every store: it is gone when this returns, also for those who
/// were about to ingest it. Its objects are removed by [`finish_file_deletion`], which is recorded
/// durably before.
pub fn delete_file(platform: Platform<'_>, file_id: &str) -> Result<(), PendingError> {
    OF_FILES.begin(platform, file_id)?;
    // First of all: who commits it looks whether it is there, and who attaches it has noted where.
    platform.objects.delete(&files::meta_key(file_id))?;
    take_out_everywhere(platform, file_id)
}

fn take_out_everywhere(platform: Platform<'_>, file_id: &str) -> Result<(), PendingError> {
    for store_id in files::stores(platform.objects, file_id)? {
        let Some(newest) = store::current(platform, &store_id)? else {
            continue;
        };
        let home = newest.home();
        let cancelled = pending::cancel(platform, &home, file_id)?;
        match store::take_out(platform, &home, file_id) {
            Ok(_) | Err(StoreError::NoSuchStore(_)) => {}
            Err(error) => return Err(error.into()),
        }
        pending::forget_failed(platform, &home, file_id)?;
        finish_detach(platform, &home, &cancelled)?;
    }
    Ok(())
}

/// Removes what is left of a file whose deletion was begun; doing it again changes nothing. The
/// record of the deletion stays for the grace period, so that what late writers leave is removed, too.
pub fn finish_file_deletion(platform: Platform<'_>, file_id: &str) -> Result<(), PendingError> {
    let Some(deletion) = OF_FILES.get(platform, file_id)? else {
        return Ok(());
    };
    platform.objects.delete(&files::meta_key(file_id))?;
    take_out_everywhere(platform, file_id)?;
    platform.objects.delete_all(&files::folder(file_id))?;
    Ok(OF_FILES.forget_when_over(platform, file_id, &deletion)?)
}

/// Goes on with deletions that were begun, of a few files at most.
pub fn finish_file_deletions(platform: Platform<'_>, limit: u32) -> Result<(), PendingError> {
    let mut outcome = Ok(());
    for file_id in OF_FILES.names(platform.objects, limit)? {
        outcome = outcome.and(finish_file_deletion(platform, &file_id));
    }
    outcome
}
