//! Clearing away uploads that were given up.

use std::collections::BTreeSet;

use super::{
    End, FOLDER, LIFE_S, Upload, UploadError, decide, end_key, from_json, record_key, remove_parts,
};
use crate::files::{self, FileError};
use crate::ids;
use crate::objects::{ObjectError, Objects};

/// For requests that began before an upload expired, in seconds: more than one may take.
const GRACE_S: u64 = 3_600;
/// Uploads collected at once, and objects looked at for them.
const AT_ONCE: usize = 8;
const LOOKED_AT: u32 = 64;

/// Removes what is left of the oldest uploads that expired an hour ago, of a few at most: the parts
/// of those that became no file, and the records of all. Its cost does not grow with the number of
/// uploads, and nothing depends on its success: a later call tries again.
pub fn collect(objects: &dyn Objects, now_s: u64) -> Result<(), UploadError> {
    let oldest = objects.list(FOLDER, None, LOOKED_AT)?;
    let ids: BTreeSet<&str> = oldest
        .iter()
        .filter_map(|meta| meta.key.strip_prefix(FOLDER)?.split('/').next())
        .collect();
    let is_over = |id: &&str| {
        let made_s = ids::made_ms(id, ids::UPLOAD_PREFIX).map(|ms| ms / 1_000);
        made_s.is_some_and(|made| made + LIFE_S + GRACE_S <= now_s)
    };
    let mut outcome = Ok(());
    for id in ids.into_iter().filter(is_over).take(AT_ONCE) {
        outcome = outcome.and(remove(objects, id));
    }
    outcome
}

fn remove(objects: &dyn Objects, id: &str) -> Result<(), UploadError> {
    match objects.get(&record_key(id)) {
        Ok(data) => {
            let upload: Upload = from_json(&data)?;
            decide(objects, id, End::Expired)?;
            let kept = match files::read(objects, &upload.file_id) {
                Ok(file) => file.parts,
                Err(FileError::NoSuchFile(_)) => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            remove_parts(objects, &upload.file_id, &kept)?;
            objects.delete(&record_key(id))?;
        }
        Err(ObjectError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(objects.delete(&end_key(id))?)
}
