//! Whether uploaded files are whole.

use super::Findings;
use super::each::each;
use crate::files::{self, FOLDER, FileMeta};
use crate::objects::{ObjectError, ObjectMeta};
use crate::pending::PendingError;
use crate::platform::Platform;

/// Files whose descriptions are read at once.
const BATCH: usize = 128;

/// What is in a file's folder.
struct Found {
    file_id: String,
    objects: Vec<ObjectMeta>,
}

/// Looks at all uploaded files: whether each has the bytes that its description says, and what
/// belongs to no file.
pub(super) fn look(
    platform: Platform<'_>,
    findings: &mut Findings,
    seen: &mut dyn FnMut(u64),
) -> Result<(), PendingError> {
    let mut batch: Vec<Found> = Vec::new();
    each(platform, FOLDER, &mut |meta| {
        let name = meta.key.strip_prefix(FOLDER);
        let Some((file_id, _)) = name.and_then(|name| name.split_once('/')) else {
            findings.strange(&meta, platform.now_ms());
            return Ok(());
        };
        if let Some(last) = batch.last_mut().filter(|last| last.file_id == file_id) {
            last.objects.push(meta);
            return Ok(());
        }
        if batch.len() >= BATCH {
            look_at(platform, &std::mem::take(&mut batch), findings, seen)?;
        }
        batch.push(Found {
            file_id: file_id.to_owned(),
            objects: vec![meta],
        });
        Ok(())
    })?;
    look_at(platform, &batch, findings, seen)
}

fn look_at(
    platform: Platform<'_>,
    batch: &[Found],
    findings: &mut Findings,
    seen: &mut dyn FnMut(u64),
) -> Result<(), PendingError> {
    let keys: Vec<String> = batch
        .iter()
        .map(|found| files::meta_key(&found.file_id))
        .collect();
    let parts: Vec<_> = keys.iter().map(|key| (key.clone(), None)).collect();
    let read = platform.objects.get_many(&parts);
    for ((found, key), data) in batch.iter().zip(&keys).zip(read) {
        findings.objects += found.objects.len() as u64;
        match data {
            Ok(data) => match serde_json::from_slice::<FileMeta>(&data) {
                Ok(file) => look_at_file(platform, &file, found, findings, seen)?,
                Err(fault) => findings.damaged(key, fault.to_string()),
            },
            Err(ObjectError::NotFound) => look_at_rest(platform, found, findings)?,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn look_at_file(
    platform: Platform<'_>,
    file: &FileMeta,
    found: &Found,
    findings: &mut Findings,
    seen: &mut dyn FnMut(u64),
) -> Result<(), PendingError> {
    let wanted = content_of(file);
    let folder = files::folder(&file.id);
    for meta in &found.objects {
        let name = meta.key.strip_prefix(&folder).unwrap_or_default();
        let is_content = name == "content" || name.starts_with("parts/");
        if is_content && !wanted.iter().any(|(key, _)| *key == meta.key) {
            findings.strange(meta, platform.now_ms());
        }
    }
    for (key, bytes) in wanted {
        match found.objects.iter().find(|meta| meta.key == key) {
            Some(meta) if meta.size == bytes => seen(bytes),
            Some(meta) => {
                findings.damaged(&key, format!("it has {} bytes, not {bytes}", meta.size));
            }
            None if is_missing(platform, file, &key)? => findings.damaged(&key, "it is missing"),
            None => {}
        }
    }
    Ok(())
}

/// Whether a file lacks some of its bytes, and not because it came or went just now.
fn is_missing(platform: Platform<'_>, file: &FileMeta, key: &str) -> Result<bool, PendingError> {
    for (key, is_there) in [(key, false), (&files::meta_key(&file.id), true)] {
        if platform.objects.exists(key)? != is_there {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The objects that a file's bytes are in, and how many each has.
fn content_of(file: &FileMeta) -> Vec<(String, u64)> {
    if file.parts.is_empty() {
        return vec![(files::content_key(&file.id), file.bytes)];
    }
    let folder = files::parts_folder(&file.id);
    let parts = file.parts.iter();
    parts
        .map(|part| (format!("{folder}{}", part.id), part.bytes))
        .collect()
}

fn look_at_rest(
    platform: Platform<'_>,
    found: &Found,
    findings: &mut Findings,
) -> Result<(), PendingError> {
    if files::is_being_deleted(platform.objects, &found.file_id)? {
        return Ok(());
    }
    let now_ms = platform.now_ms();
    found
        .objects
        .iter()
        .for_each(|meta| findings.strange(meta, now_ms));
    Ok(())
}
