use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest, Md5};

use super::{
    Completed, End, Upload, decide, ensure_open, no_such_upload, parts, read, remove_parts,
};
use crate::api::CompleteUpload;
use crate::error::ApiError;
use crate::files::{self, FileMeta, FilePart};
use crate::objects::Objects;

/// Bytes read at a time for a checksum.
const PIECE: u64 = 1 << 20;

/// Makes the upload's file exist, of the parts asked for in their order, and removes the others.
/// Completing again with the same parts gives the same answer.
///
/// Errors: 404 when there is no such upload; 400 when it has ended otherwise or expired, and when
/// the parts or their checksum are not what was announced: then it stays open.
pub fn complete(
    objects: &dyn Objects,
    id: &str,
    asked: &CompleteUpload,
    now_s: u64,
) -> Result<(Upload, FileMeta), ApiError> {
    let (upload, end) = read(objects, id)?;
    let end = match end {
        Some(end) => end,
        None => {
            upload.ensure_in_time(now_s)?;
            let file = assemble(objects, &upload, &asked.part_ids)?;
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
) -> Result<FileMeta, ApiError> {
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
        parts: listed,
    })
}

fn verify(objects: &dyn Objects, file: &FileMeta, expected: &str) -> Result<(), ApiError> {
    let mut digest = Md5::new();
    let mut offset = 0;
    while offset < file.bytes {
        let end = file.bytes.min(offset + PIECE);
        let piece = files::content(objects, file, offset..end)?;
        if piece.is_empty() {
            return Err(ApiError::not_found(
                "A part of the upload was removed meanwhile; create another upload.",
            ));
        }
        offset += piece.len() as u64;
        digest.update(&piece);
    }
    let found: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found == expected {
        return Ok(());
    }
    Err(ApiError::invalid_request(format!(
        "The MD5 of the parts is {found}, and 'md5' is {expected}; compare the order of 'part_ids', \
         and send the parts that differ again."
    ))
    .param("md5")
    .code("checksum_mismatch"))
}

/// A completion that was repeated must be the same, or its caller would get another file.
fn ensure_same(completed: &Completed, asked: &CompleteUpload) -> Result<(), ApiError> {
    let parts = completed.file.parts.iter().map(|part| &part.id);
    if !parts.eq(&asked.part_ids) {
        return Err(
            wrong_parts("The upload is completed, with other parts; create another.")
                .code("upload_ended"),
        );
    }
    match &asked.md5 {
        Some(md5) if completed.md5.as_ref() != Some(&md5.to_ascii_lowercase()) => {
            Err(ApiError::invalid_request(
                "The upload is completed, and was not compared with this 'md5'; repeat what \
                 completed it, or compare the file's content.",
            )
            .param("md5")
            .code("upload_ended"))
        }
        _ => Ok(()),
    }
}

/// Makes the file exist, unless it does. One that was deleted since stays deleted: its deletion is
/// looked for before, and again after, as it removes what it finds once it is recorded.
fn describe(objects: &dyn Objects, file: &FileMeta) -> Result<(), ApiError> {
    match files::read(objects, &file.id) {
        Ok(_) => return Ok(()),
        Err(error) if error.status == 404 => {}
        Err(error) => return Err(error),
    }
    ensure_there(objects, file)?;
    files::write(objects, file)?;
    match ensure_there(objects, file) {
        Err(gone) if gone.status == 404 => {
            files::delete(objects, &file.id)?;
            return Err(gone);
        }
        outcome => outcome?,
    }
    // Collected with the upload where it does not succeed now.
    let _ = remove_parts(objects, &file.id, &file.parts);
    Ok(())
}

/// That the file was not deleted: a deletion is remembered until its parts are long gone.
fn ensure_there(objects: &dyn Objects, file: &FileMeta) -> Result<(), ApiError> {
    let arrived: BTreeSet<String> = parts(objects, &file.id)?
        .into_iter()
        .map(|part| part.id)
        .collect();
    let is_whole = file.parts.iter().all(|part| arrived.contains(&part.id));
    match is_whole && !files::is_being_deleted(objects, &file.id)? {
        true => Ok(()),
        false => Err(ApiError::not_found(
            "The upload was completed, and its file deleted since; create another.",
        )),
    }
}

fn wrong_parts(message: impl Into<String>) -> ApiError {
    ApiError::invalid_request(message).param("part_ids")
}
