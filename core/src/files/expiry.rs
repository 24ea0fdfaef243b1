//! Files that are to be gone at a time that was given when they came.

use serde::{Deserialize, Serialize};

use super::FileMeta;
use crate::ids;
use crate::objects::{ObjectError, Objects};

/// What is due stands first: a key begins with its time.
const FOLDER: &str = "work/expire-file/";

/// Expiry some time after a file's creation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileExpiresAfter {
    /// Always `created_at`.
    pub anchor: String,
    /// From 3,600 to 2,592,000: an hour to thirty days.
    pub seconds: u64,
}

/// A file that is to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which.
    pub file_id: String,
    /// Since when, in seconds since the Unix epoch.
    pub expires_at: u64,
}

/// Notes when a file is to go, before it exists; nothing of one that does not expire.
pub(super) fn note(objects: &dyn Objects, file: &FileMeta) -> Result<(), ObjectError> {
    match file.expires_at {
        Some(expires_at) => objects.put(&key(&file.id, expires_at), b"{}"),
        None => Ok(()),
    }
}

/// Forgets about a file that is gone.
pub(crate) fn forget(objects: &dyn Objects, due: &Due) -> Result<(), ObjectError> {
    objects.delete(&key(&due.file_id, due.expires_at))
}

/// Those that are due at `now_s`, the longest overdue first, of the first `limit` that are noted.
pub(crate) fn due(objects: &dyn Objects, now_s: u64, limit: u32) -> Result<Vec<Due>, ObjectError> {
    let listed = objects.list(FOLDER, None, limit)?;
    let noted = listed.iter().filter_map(|meta| parse(&meta.key));
    Ok(noted.take_while(|due| due.expires_at <= now_s).collect())
}

fn key(file_id: &str, expires_at: u64) -> String {
    format!("{FOLDER}{expires_at:011x}/{file_id}")
}

fn parse(key: &str) -> Option<Due> {
    let (time, file_id) = key.strip_prefix(FOLDER)?.split_once('/')?;
    let expires_at = u64::from_str_radix(time, 16).ok()?;
    let file_id = ids::is_file_id(file_id).then(|| file_id.to_owned())?;
    Some(Due {
        file_id,
        expires_at,
    })
}
