//! `/v1/uploads`: files that come in parts.

use dayfly_core::api::{ApiError, Code, CompleteUpload, CreateUpload, PartObject, UploadObject};
use dayfly_core::uploads::{self, PART_BYTES, Upload};
use dayfly_core::{files, ids};
use dayfly_guest::call::Call;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::{body, clock, platform};
use dayfly_intake::{Received, keep};
use spin_sdk::http::IncomingRequest;

use crate::form;

/// Begins a file that comes in parts.
pub async fn create(call: &Call, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: CreateUpload = body::json(request).await?;
    asked.validate(settings().max_file_bytes)?;
    let upload = Upload {
        id: platform().new_id(ids::UPLOAD_PREFIX),
        file_id: platform().new_id(ids::FILE_PREFIX),
        bytes: asked.bytes,
        created_at: now_s(),
        filename: files::filename(&asked.filename),
        purpose: asked.purpose,
        content_type: asked.mime_type,
        file_expires_after: asked.expires_after,
    };
    uploads::create(&PlatformObjects, &upload)?;
    Reply::json(&UploadObject::pending(upload))
}

/// Streams a part to storage. Nothing of it stays unless all of it arrived.
pub async fn add_part(call: &Call, id: &str, request: IncomingRequest) -> Result<Reply, ApiError> {
    let upload = uploads::open(&PlatformObjects, id, now_s())?;
    let mut form = form::of(call, request, "data").await?;
    let part = platform().new_id(ids::PART_PREFIX);
    let key = upload.part_key(&part);
    let most = upload.bytes.min(PART_BYTES);
    let mut received: Option<Received> = None;
    while let Some(field) = form.next().await? {
        match field.name() {
            Some("data") if received.is_some() => return Err(one_part()),
            Some("data") => {
                let too_large = || too_large(&upload);
                received = Some(keep(field, &PlatformObjects, &key, most, too_large).await?);
            }
            _ => {}
        }
    }
    let received = received.ok_or_else(one_part)?;
    if received.bytes == 0 {
        return Err(
            ApiError::invalid_request("The part is empty; send bytes of the file.").param("data"),
        );
    }
    received.writer.finish()?;
    uploads::add(&PlatformObjects, &upload, &part)?;
    Reply::json(&PartObject::new(part, upload.id, now_s()))
}

/// Makes the file of its parts.
pub async fn complete(call: &Call, id: &str, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: CompleteUpload = body::json(request).await?;
    let asked = asked.validate()?;
    let (upload, file) = uploads::complete(&PlatformObjects, id, &asked, now_s())?;
    Reply::json(&UploadObject::completed(upload, file))
}

/// Gives the file up.
pub fn cancel(id: &str) -> Result<Reply, ApiError> {
    let upload = uploads::cancel(&PlatformObjects, id)?;
    Reply::json(&UploadObject::cancelled(upload))
}

/// Removes what is left of a few uploads that were given up silently. A later call does what this
/// one fails to.
pub fn collect() {
    let _ = uploads::collect(&PlatformObjects, now_s());
}

fn now_s() -> u64 {
    clock::now_ms() / 1_000
}

fn one_part() -> ApiError {
    ApiError::invalid_request("Send exactly one part, in the form's field 'data'.").param("data")
}

fn too_large(upload: &Upload) -> ApiError {
    let message = match upload.bytes < PART_BYTES {
        true => format!(
            "The part is larger than the whole upload, which was created for {} bytes; create one \
             for the file's size.",
            upload.bytes
        ),
        false => format!("The part is larger than {PART_BYTES} bytes; send it in smaller ones."),
    };
    ApiError::new(Code::TooLarge, message).param("data")
}
