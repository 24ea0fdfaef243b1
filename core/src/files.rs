//! Uploaded files: what came, as it came, and what is known of it.

mod error;
mod expiry;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::deletion::OF_FILES;
use crate::ids;
use crate::objects::{NewObject, ObjectError, Objects, Part};
use crate::platform::Platform;

pub use error::FileError;
pub use expiry::{Due, FileExpiresAfter};
pub(crate) use expiry::{due, forget as forget_expiry};

/// What is known of an uploaded file. Its presence makes the file exist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeta {
    /// `file-…`.
    pub id: String,
    /// Its size.
    pub bytes: u64,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    /// As the client named it.
    pub filename: String,
    /// OpenAI's `purpose`, as the client gave it.
    pub purpose: String,
    /// As the client declared it.
    pub content_type: Option<String>,
    /// When it is to be gone, in seconds since the Unix epoch; by default it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// What its content consists of, in order, where it came in parts; empty where it came whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<FilePart>,
}

/// A piece of a file that came in parts, an object of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePart {
    /// `part_…`.
    pub id: String,
    /// Its size.
    pub bytes: u64,
}

impl FileMeta {
    /// Whether its time is over.
    pub fn is_expired(&self, now_s: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now_s)
    }
}

const LONGEST_FILENAME: usize = 512;

/// What is kept of a client's name for a file: printable, and at most 512 characters.
pub fn filename(given: &str) -> String {
    let printable = given.chars().filter(|letter| !letter.is_control());
    printable.take(LONGEST_FILENAME).collect()
}

/// The folder of all files.
pub const FOLDER: &str = "files/";

/// The key of the bytes of a file that comes whole.
pub fn content_key(id: &str) -> String {
    format!("{FOLDER}{id}/content")
}

/// The folder of the bytes of a file that comes in parts.
pub fn parts_folder(id: &str) -> String {
    format!("{FOLDER}{id}/parts/")
}

/// The bytes of `range` that exist, whether the file came whole or in parts: fewer, or none, past
/// its end and where it was deleted meanwhile. Reads only the parts that `range` touches.
///
/// # Errors
///
/// [`ObjectError::NotFound`] where the bytes are gone, and whatever else the storage answers.
pub fn content(
    objects: &dyn Objects,
    file: &FileMeta,
    range: Range<u64>,
) -> Result<Vec<u8>, ObjectError> {
    if file.parts.is_empty() {
        return objects.get_range(&content_key(&file.id), range);
    }
    let wanted = touched(file, &range);
    let mut bytes = Vec::new();
    for (found, (_, part)) in objects.get_many(&wanted).into_iter().zip(&wanted) {
        let found = found?;
        let length = part.as_ref().map_or(0, |part| part.end - part.start);
        let is_short = (found.len() as u64) < length;
        bytes.extend(found);
        if is_short {
            break;
        }
    }
    Ok(bytes)
}

/// The parts that a range of a file lies in, and what of each belongs to it.
fn touched(file: &FileMeta, range: &Range<u64>) -> Vec<Part> {
    let folder = parts_folder(&file.id);
    let mut start = 0_u64;
    let mut touched = Vec::new();
    for part in &file.parts {
        let end = start.saturating_add(part.bytes);
        let from = range.start.max(start);
        let to = range.end.min(end);
        if from < to {
            let key = format!("{folder}{}", part.id);
            touched.push((key, Some(from - start..to - start)));
        }
        start = end;
    }
    touched
}

/// The key of what is known of a file: while it is there, the file exists.
pub fn meta_key(id: &str) -> String {
    format!("{FOLDER}{id}/meta.json")
}

/// The folder of everything of a file.
pub fn folder(id: &str) -> String {
    format!("{FOLDER}{id}/")
}

fn stores_folder(id: &str) -> String {
    format!("{FOLDER}{id}/stores/")
}

/// What is known of a file.
///
/// # Errors
///
/// [`FileError::NoSuchFile`] when there is none.
pub fn read(objects: &dyn Objects, id: &str) -> Result<FileMeta, FileError> {
    if !ids::is_file_id(id) {
        return Err(no_such_file(id));
    }
    match objects.get(&meta_key(id)) {
        Ok(data) => parse(&data),
        Err(ObjectError::NotFound) => Err(no_such_file(id)),
        Err(error) => Err(error.into()),
    }
}

/// As [`read`], of a file whose time is not over.
pub fn current(platform: Platform<'_>, id: &str) -> Result<FileMeta, FileError> {
    let file = read(platform.objects, id)?;
    match file.is_expired(platform.now_ms() / 1_000) {
        true => Err(no_such_file(id)),
        false => Ok(file),
    }
}

/// Makes a file exist, after its content was written.
pub fn write(objects: &dyn Objects, meta: &FileMeta) -> Result<(), FileError> {
    expiry::note(objects, meta)?;
    let data =
        serde_json::to_vec(meta).map_err(|fault| FileError::Unwritable(fault.to_string()))?;
    Ok(objects.put(&meta_key(&meta.id), &data)?)
}

/// Whether a file's deletion was begun and goes on: another of the same id would be removed with it.
pub fn is_being_deleted(objects: &dyn Objects, id: &str) -> Result<bool, ObjectError> {
    OF_FILES.is_begun(objects, id)
}

/// All ids that may be files', oldest first.
pub fn ids(objects: &dyn Objects) -> Result<Vec<String>, ObjectError> {
    objects.folders(FOLDER)
}

/// Those of `ids` that exist, in order.
pub fn read_many(objects: &dyn Objects, ids: &[String]) -> Result<Vec<FileMeta>, FileError> {
    let parts: Vec<_> = ids.iter().map(|id| (meta_key(id), None)).collect();
    let mut found = Vec::with_capacity(parts.len());
    for group in parts.chunks(256) {
        for data in objects.get_many(group) {
            match data {
                Ok(data) => found.push(parse(&data)?),
                // Still arriving, or deleted meanwhile.
                Err(ObjectError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(found)
}

/// Notes that a store holds the file, before it does.
pub fn note_store(objects: &dyn Objects, id: &str, store: &str) -> Result<(), ObjectError> {
    let (key, data) = store_note(id, store);
    objects.put(&key, &data)
}

/// What [`note_store`] writes.
pub fn store_note(id: &str, store: &str) -> NewObject {
    (format!("{}{store}", stores_folder(id)), b"{}".to_vec())
}

/// The stores that may hold the file.
pub fn stores(objects: &dyn Objects, id: &str) -> Result<Vec<String>, ObjectError> {
    let folder = stores_folder(id);
    let metas = objects.list_all(&folder)?;
    let names = metas
        .iter()
        .filter_map(|meta| meta.key.strip_prefix(&folder));
    Ok(names.map(str::to_owned).collect())
}

/// Removes a file; its description goes first, so that it is gone at once, and once more last: a
/// repeated completion of its upload may have written it again before the parts were gone.
pub fn delete(objects: &dyn Objects, id: &str) -> Result<(), ObjectError> {
    objects.delete(&meta_key(id))?;
    let rest: Vec<String> = objects
        .list_all(&folder(id))?
        .into_iter()
        .map(|meta| meta.key)
        .collect();
    objects.delete_many(&rest)?;
    let parts = parts_folder(id);
    if rest.iter().any(|key| key.starts_with(&parts)) {
        objects.delete(&meta_key(id))?;
    }
    Ok(())
}

fn parse(data: &[u8]) -> Result<FileMeta, FileError> {
    serde_json::from_slice(data).map_err(|fault| FileError::Damaged(fault.to_string()))
}

fn no_such_file(id: &str) -> FileError {
    FileError::NoSuchFile(id.to_owned())
}
