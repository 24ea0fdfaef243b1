//! Files that arrive in parts: OpenAI's Uploads.
//!
//! A part is kept where it will belong to the file, `files/{file}/parts/{part}`, so completing
//! copies nothing: its cost is that of the parts' list, not of their bytes. How an upload ends is
//! decided once, by creating `uploads/{upload}/end.json` if it is absent; so of a completion and a
//! cancellation at once one wins, and a repeated one is answered as the first was.

mod collect;
mod complete;
mod error;

pub use collect::collect;
pub use complete::{Completion, complete};
pub use error::UploadError;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileExpiresAfter, FileMeta, FilePart};
use crate::ids;
use crate::objects::{ObjectError, Objects};

/// The largest part in bytes, as in OpenAI's API.
pub const PART_BYTES: u64 = 64 << 20;
/// The most parts of one upload, unused ones included: what a file's description may list.
pub const MOST_PARTS: usize = 1_000;
/// Seconds in which an upload has to be completed, as in OpenAI's API.
pub const LIFE_S: u64 = 3_600;

const FOLDER: &str = "uploads/";

/// A file that is to arrive in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// `upload_…`.
    pub id: String,
    /// The file that it becomes.
    pub file_id: String,
    /// The size that the file is to have.
    pub bytes: u64,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    /// As the client named it.
    pub filename: String,
    /// OpenAI's `purpose`, as the client gave it.
    pub purpose: String,
    /// As the client declared it.
    pub content_type: String,
    /// When the file is to be gone, after its creation; by default it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_expires_after: Option<FileExpiresAfter>,
}

impl Upload {
    /// When it can no longer be added to or completed, in seconds since the Unix epoch.
    pub fn expires_at(&self) -> u64 {
        self.created_at + LIFE_S
    }

    /// When the file that is completed at `now_s` is to be gone, both in seconds since the Unix epoch. It is
    /// as old as the upload, but only now it can be used.
    fn file_expires_at(&self, now_s: u64) -> Option<u64> {
        let after = self.file_expires_after.as_ref()?;
        Some(now_s.saturating_add(after.seconds))
    }

    /// The key of a part's bytes.
    pub fn part_key(&self, part_id: &str) -> String {
        format!("{}{part_id}", files::parts_folder(&self.file_id))
    }

    fn ensure_in_time(&self, now_s: u64) -> Result<(), UploadError> {
        match now_s < self.expires_at() {
            true => Ok(()),
            false => Err(UploadError::Expired(self.id.clone())),
        }
    }
}

/// How an upload ended, for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum End {
    Completed(Completed),
    Cancelled,
    Expired,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Completed {
    file: FileMeta,
    md5: Option<String>,
}

/// Begins an upload.
pub fn create(objects: &dyn Objects, upload: &Upload) -> Result<(), UploadError> {
    Ok(objects.put_new(&record_key(&upload.id), &to_json(upload)?)?)
}

/// The upload that another part may be added to.
///
/// # Errors
///
/// There is none, or it has ended, expired, or has its most parts.
pub fn open(objects: &dyn Objects, id: &str, now_s: u64) -> Result<Upload, UploadError> {
    let (upload, end) = read(objects, id)?;
    ensure_open(id, end.as_ref())?;
    upload.ensure_in_time(now_s)?;
    let parts = objects.list(
        &files::parts_folder(&upload.file_id),
        None,
        MOST_PARTS as u32,
    )?;
    if parts.len() >= MOST_PARTS {
        return Err(UploadError::Full);
    }
    Ok(upload)
}

/// Takes a part in whose bytes were kept at [`Upload::part_key`]; one that came too late for the
/// upload's end is removed again.
///
/// # Errors
///
/// As of [`open`].
pub fn add(objects: &dyn Objects, upload: &Upload, part_id: &str) -> Result<(), UploadError> {
    let still_open = read(objects, &upload.id).and_then(|(_, end)| {
        // Nobody can have completed with a part whose id was told to nobody.
        ensure_open(&upload.id, end.as_ref())
    });
    if still_open.is_err() {
        objects.delete(&upload.part_key(part_id))?;
    }
    still_open
}

/// Ends an upload without a file and removes its parts. Cancelling again changes nothing.
///
/// # Errors
///
/// There is none, or it is completed or expired.
pub fn cancel(objects: &dyn Objects, id: &str) -> Result<Upload, UploadError> {
    let (upload, end) = read(objects, id)?;
    let end = match end {
        Some(end) => end,
        None => decide(objects, id, End::Cancelled)?,
    };
    if end != End::Cancelled {
        ensure_open(id, Some(&end))?;
    }
    remove_parts(objects, &upload.file_id, &[])?;
    Ok(upload)
}

/// Ends an upload, unless it has ended; how it has.
fn decide(objects: &dyn Objects, id: &str, end: End) -> Result<End, UploadError> {
    match objects.put_new(&end_key(id), &to_json(&end)?) {
        Ok(()) => Ok(end),
        Err(ObjectError::AlreadyExists) => from_json(&objects.get(&end_key(id))?),
        Err(error) => Err(error.into()),
    }
}

fn read(objects: &dyn Objects, id: &str) -> Result<(Upload, Option<End>), UploadError> {
    if !ids::is_upload_id(id) {
        return Err(no_such_upload(id));
    }
    // The end first: an upload is removed before its end is.
    let end = match objects.get(&end_key(id)) {
        Ok(data) => Some(from_json(&data)?),
        Err(ObjectError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    match objects.get(&record_key(id)) {
        Ok(data) => Ok((from_json(&data)?, end)),
        Err(ObjectError::NotFound) => Err(no_such_upload(id)),
        Err(error) => Err(error.into()),
    }
}

fn ensure_open(id: &str, end: Option<&End>) -> Result<(), UploadError> {
    let how = match end {
        None => return Ok(()),
        Some(End::Expired) => return Err(UploadError::Expired(id.to_owned())),
        Some(End::Completed(_)) => "completed",
        Some(End::Cancelled) => "cancelled",
    };
    Err(UploadError::Ended {
        id: id.to_owned(),
        how,
    })
}

/// The parts that have arrived, in the order of their ids.
fn parts(objects: &dyn Objects, file_id: &str) -> Result<Vec<FilePart>, UploadError> {
    let folder = files::parts_folder(file_id);
    let arrived = objects.list_all(&folder)?;
    Ok(arrived
        .into_iter()
        .map(|meta| FilePart {
            id: meta
                .key
                .strip_prefix(&folder)
                .unwrap_or_default()
                .to_owned(),
            bytes: meta.size,
        })
        .collect())
}

/// Removes the parts that have arrived, but `kept`.
fn remove_parts(
    objects: &dyn Objects,
    file_id: &str,
    kept: &[FilePart],
) -> Result<(), UploadError> {
    let is_kept = |id: &str| kept.iter().any(|kept| kept.id == id);
    let mut arrived = parts(objects, file_id)?;
    arrived.retain(|part| !is_kept(&part.id));
    let folder = files::parts_folder(file_id);
    let keys: Vec<String> = arrived
        .iter()
        .map(|part| format!("{folder}{}", part.id))
        .collect();
    Ok(objects.delete_many(&keys)?)
}

fn record_key(id: &str) -> String {
    format!("{FOLDER}{id}/upload.json")
}

fn end_key(id: &str) -> String {
    format!("{FOLDER}{id}/end.json")
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, UploadError> {
    serde_json::to_vec(value).map_err(|fault| UploadError::Unwritable(fault.to_string()))
}

fn from_json<T: for<'de> Deserialize<'de>>(data: &[u8]) -> Result<T, UploadError> {
    serde_json::from_slice(data).map_err(|fault| UploadError::Damaged(fault.to_string()))
}

fn no_such_upload(id: &str) -> UploadError {
    UploadError::NoSuchUpload(id.to_owned())
}

#[cfg(test)]
mod tests;
