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
    pub at: u64,
    /// Whether it was looked for before, and was not there.
    pub again: bool,
}

/// One that is not there when it is due is looked for again a day later: by then who was writing it has come
/// to an end.
const AGAIN_S: u64 = 86_400;

/// Notes when a file is to go, before it exists; nothing of one that does not expire.
pub(super) fn note(objects: &dyn Objects, file: &FileMeta) -> Result<(), ObjectError> {
    match file.expires_at {
        Some(expires_at) => objects.put(&Due::first(&file.id, expires_at).key(), b"{}"),
        None => Ok(()),
    }
}

/// Forgets about a file that is gone, if not for the first time then for good.
pub(crate) fn forget(objects: &dyn Objects, due: &Due) -> Result<(), ObjectError> {
    if !due.again {
        objects.put(&due.later().key(), b"{}")?;
    }
    objects.delete(&due.key())
}

/// Those that are due at `now_s`, the longest overdue first, of the first `limit` that are noted.
pub(crate) fn due(objects: &dyn Objects, now_s: u64, limit: u32) -> Result<Vec<Due>, ObjectError> {
    let listed = objects.list(FOLDER, None, limit)?;
    let noted = listed.iter().filter_map(|meta| parse(&meta.key));
    Ok(noted.take_while(|due| due.at <= now_s).collect())
}

impl Due {
    fn first(file_id: &str, expires_at: u64) -> Self {
        Self {
            file_id: file_id.to_owned(),
            at: expires_at,
            again: false,
        }
    }

    fn later(&self) -> Self {
        Self {
            file_id: self.file_id.clone(),
            at: self.at.saturating_add(AGAIN_S),
            again: true,
        }
    }

    fn key(&self) -> String {
        let Self { file_id, at, again } = self;
        let again = if *again { AGAIN } else { "" };
        format!("{FOLDER}{at:011x}/{file_id}{again}")
    }
}

/// What ends the keys of those that are looked for again.
const AGAIN: &str = ".again";

fn parse(key: &str) -> Option<Due> {
    let (time, name) = key.strip_prefix(FOLDER)?.split_once('/')?;
    let (file_id, again) = match name.strip_suffix(AGAIN) {
        Some(file_id) => (file_id, true),
        None => (name, false),
    };
    Some(Due {
        file_id: ids::is_file_id(file_id).then(|| file_id.to_owned())?,
        at: u64::from_str_radix(time, 16).ok()?,
        again,
    })
}
