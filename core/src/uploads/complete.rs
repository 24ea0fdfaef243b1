//! Making a file of its parts, once.

use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest, Md5};

use super::{
    Completed, End, Upload, UploadError, decide, ensure_open, no_such_upload, parts, read,
    remove_parts,
};
use crate::files::{self, FileError, FileMeta, FilePart};
use crate::objects::Objects;

/// Bytes read at a time for a checksum.
const PIECE: u64 = 1 << 20;

/// What a file is to be made of.
#[derive(Debug, Clone)]
pub struct Completion {
    /// The parts, in the order of the file.
    pub part_ids: Vec<String>,
    /// What the file's MD5 has to be, in hexadecimal digits.
    pub md5: Option<String>,
}

/// Makes the upload's file exist, of the parts asked for in their order, and removes the others.
/// Completing again with the same parts gives the same answer.
///
/// # Errors
///
/// There is no such upload, it has ended otherwise or expired, or the parts or their checksum are not what
/// was announced: then it stays open.
pub fn complete(
    objects: &dyn Objects,
    id: &str,
    asked: &Completion,
    now_s: u64,
) -> Result<(Upload, FileMeta), UploadError> {
    let (upload, end) = read(objects, id)?;
    let end = match end {
        Some(end) => end,
        None => {
            upload.ensure_in_time(now_s)?;
            let file = assemble(objects, &upload, &asked.part_ids, now_s)?;
            let md5 = asked.md5.as_ref().map(|md5| md5.to_ascii_lowercase());
            if let Some(md5) = &md5 {
                verify(objects, &file, md5)?;
            }
            decide(objects, id, End::Completed(Completed { file, md5 }))?
        }
    };
    let End::Completed(completed) = end else {
        ensure_open(id, Some(&end))?;
        return Err(no_such_upload(id));
    };
    ensure_same(&completed, asked)?;
    describe(objects, &completed.file)?;
    Ok((upload, completed.file))
}

/// The file that the parts give.
fn assemble(
    objects: &dyn Objects,
    upload: &Upload,
    part_ids: &[String],
    now_s: u64,
) -> Result<FileMeta, UploadError> {
    let arrived: BTreeMap<String, u64> = parts(objects, &upload.file_id)?
        .into_iter()
        .map(|part| (part.id, part.bytes))
        .collect();
    let mut used = BTreeSet::new();
    let mut listed = Vec::with_capacity(part_ids.len());
    for id in part_ids {
        let bytes = *arrived.get(id).ok_or_else(|| {
            wrong_parts(format!(
                "'part_ids' names '{id}', which is no part of the upload '{}'.",
                upload.id
            ))
        })?;
        if !used.insert(id) {
            return Err(wrong_parts(format!(
                "'part_ids' names '{id}' twice; name each part once, in the order of the file."
            )));
        }
        let id = id.clone();
        listed.push(FilePart { id, bytes });
    }
    let bytes: u64 = listed.iter().map(|part| part.bytes).sum();
    if bytes != upload.bytes {
        return Err(wrong_parts(format!(
            "The parts hold {bytes} bytes, and the upload was created for {}; name all of its parts, \
             or add what is missing.",
            upload.bytes
        )));
    }
    Ok(FileMeta {
        id: upload.file_id.clone(),
        bytes,
        // As old as its id, by which files are listed.
        created_at: upload.created_at,
        filename: upload.filename.clone(),
        purpose: upload.purpose.clone(),
        content_type: Some(upload.content_type.clone()),
        expires_at: upload.file_expires_at(now_s),
        parts: listed,
    })
}

fn verify(objects: &dyn Objects, file: &FileMeta, expected: &str) -> Result<(), UploadError> {
    let mut digest = Md5::new();
    let mut offset = 0;
    while offset < file.bytes {
        let end = file.bytes.min(offset + PIECE);
        let piece = files::content(objects, file, offset..end)?;
        if piece.is_empty() {
            return Err(UploadError::PartRemoved);
        }
        offset += piece.len() as u64;
        digest.update(&piece);
    }
    let found: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    match found == expected {
        true => Ok(()),
        false => Err(UploadError::WrongChecksum {
            found,
            expected: expected.to_owned(),
        }),
    }
}

/// A completion that was repeated must be the same, or its caller would get another file.
fn ensure_same(completed: &Completed, asked: &Completion) -> Result<(), UploadError> {
    let parts = completed.file.parts.iter().map(|part| &part.id);
    if !parts.eq(&asked.part_ids) {
        return Err(UploadError::OtherParts);
    }
    match &asked.md5 {
        Some(md5) if completed.md5.as_ref() != Some(&md5.to_ascii_lowercase()) => {
            Err(UploadError::Uncompared)
        }
        _ => Ok(()),
    }
}

/// Makes the file exist, unless it does. One that was deleted since stays deleted: its deletion is
/// looked for before, and again after, as it removes what it finds once it is recorded.
fn describe(objects: &dyn Objects, file: &FileMeta) -> Result<(), UploadError> {
    match files::read(objects, &file.id) {
        Ok(_) => return Ok(()),
        Err(FileError::NoSuchFile(_)) => {}
        Err(error) => return Err(error.into()),
    }
    ensure_there(objects, file)?;
    files::write(objects, file)?;
    match ensure_there(objects, file) {
        Err(UploadError::FileDeleted) => {
            files::delete(objects, &file.id)?;
            return Err(UploadError::FileDeleted);
        }
        outcome => outcome?,
    }
    // Collected with the upload where it does not succeed now.
    let _ = remove_parts(objects, &file.id, &file.parts);
    Ok(())
}

/// That the file was not deleted: a deletion is remembered until its parts are long gone.
fn ensure_there(objects: &dyn Objects, file: &FileMeta) -> Result<(), UploadError> {
    let arrived: BTreeSet<String> = parts(objects, &file.id)?
        .into_iter()
        .map(|part| part.id)
        .collect();
    let is_whole = file.parts.iter().all(|part| arrived.contains(&part.id));
    match is_whole && !files::is_being_deleted(objects, &file.id)? {
        true => Ok(()),
        false => Err(UploadError::FileDeleted),
    }
}

fn wrong_parts(message: String) -> UploadError {
    UploadError::WrongParts(message)
}
