use serde::{Deserialize, Serialize};

use super::detach::finish_detach;
use crate::files;
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
use crate::pending::{self, PendingError};
use crate::platform::Platform;
use crate::store::{self, GRACE_MS, StoreError};

const WORK: &str = "work/delete-file/";

#[derive(Serialize, Deserialize)]
struct Record {
    began_ms: u64,
}

/// Deletes a file and takes it out of every store: it is gone when this returns, also for those who
/// were about to ingest it. Its objects are removed by [`finish_file_deletion`], which is recorded
/// durably before.
pub fn delete_file(platform: Platform<'_>, file_id: &str) -> Result<(), PendingError> {
    let record = Record {
        began_ms: platform.now_ms(),
    };
    let data = serde_json::to_vec(&record)
        .map_err(|fault| StoreError::Unwritable(format!("The deletion: {fault}.")))?;
    if !active(Mutant::DeleteBeforeRecording) {
        platform.objects.put(&work_key(file_id), &data)?;
    }
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

/// Whether a file's deletion was begun and goes on: another of the same id would be removed with it.
pub fn is_being_deleted(platform: Platform<'_>, file_id: &str) -> Result<bool, StoreError> {
    match platform.objects.head(&work_key(file_id)) {
        Ok(_) => Ok(true),
        Err(ObjectError::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Removes what is left of a file whose deletion was begun; doing it again changes nothing. The
/// record of the deletion stays for the grace period, so that what late writers leave is removed, too.
pub fn finish_file_deletion(platform: Platform<'_>, file_id: &str) -> Result<(), PendingError> {
    let key = work_key(file_id);
    let began_ms = match platform.objects.get(&key) {
        Ok(data) => {
            serde_json::from_slice::<Record>(&data)
                .map_err(|fault| StoreError::damaged(&key, &fault))?
                .began_ms
        }
        Err(ObjectError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    platform.objects.delete(&files::meta_key(file_id))?;
    take_out_everywhere(platform, file_id)?;
    let listed = platform.objects.list_all(&files::folder(file_id))?;
    let keys: Vec<String> = listed.into_iter().map(|meta| meta.key).collect();
    platform.objects.delete_many(&keys)?;
    match began_ms.saturating_add(GRACE_MS) <= platform.now_ms() {
        true => Ok(platform.objects.delete(&key)?),
        false => Ok(()),
    }
}

/// Goes on with deletions that were begun, of a few files at most.
pub fn finish_file_deletions(platform: Platform<'_>, limit: u32) -> Result<(), PendingError> {
    let mut outcome = Ok(());
    for meta in platform.objects.list(WORK, None, limit)? {
        let name = meta.key.strip_prefix(WORK);
        if let Some(file_id) = name.and_then(|name| name.strip_suffix(".json")) {
            outcome = outcome.and(finish_file_deletion(platform, file_id));
        }
    }
    outcome
}

fn work_key(file_id: &str) -> String {
    format!("{WORK}{file_id}.json")
}
