//! Files that come in one request.

use std::slice;

use dayfly_core::api::{ApiError, Code, FileObject, LONGEST_PURPOSE, purpose};
use dayfly_core::files::{self, FileError, FileMeta};
use dayfly_core::objects::{ObjectError, Objects};
use dayfly_guest::call::Call;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::{Made, clock};
use dayfly_intake::{Field, Received, keep as keep_field, short};
use spin_sdk::http::IncomingRequest;

use crate::form;

const DEFAULT_PURPOSE: &str = "assistants";

/// A file that has arrived; it exists once it is finished and described.
struct Arrived {
    received: Received,
    filename: String,
    content_type: Option<String>,
}

/// Streams an upload to storage. Nothing of it stays unless all of it arrived. Repeated with the
/// same `Idempotency-Key` it makes nothing a second time.
pub async fn receive(call: &Call, request: IncomingRequest) -> Result<Reply, ApiError> {
    let Made { id, is_repeatable } = Made::by(call, || Ok("files".to_owned()))?;
    if is_repeatable
        && let Some(known) = files::read_many(&PlatformObjects, slice::from_ref(&id))?.pop()
    {
        return Reply::json(&FileObject::from(known));
    }
    let mut form = form::of(call, request, "file").await?;
    let mut arrived: Option<Arrived> = None;
    let mut given = DEFAULT_PURPOSE.to_owned();
    while let Some(field) = form.next().await? {
        match field.name() {
            Some("file") if arrived.is_some() => return Err(one_file()),
            Some("file") => arrived = Some(keep(&files::content_key(&id), field).await?),
            Some("purpose") => given = purpose(&short(field, LONGEST_PURPOSE).await?)?,
            _ => {}
        }
    }
    let arrived = arrived.ok_or_else(one_file)?;
    let Received { writer, bytes } = arrived.received;
    if bytes == 0 {
        return Err(
            ApiError::invalid_request("The file is empty; send one with text in it.").param("file"),
        );
    }
    writer.finish()?;
    let meta = FileMeta {
        id,
        bytes,
        created_at: clock::now_ms() / 1_000,
        filename: arrived.filename,
        purpose: given,
        content_type: arrived.content_type,
        parts: Vec::new(),
    };
    if let Err(error) = files::write(&PlatformObjects, &meta) {
        // Nothing was written: there is no file, and nobody else would miss its content.
        if matches!(error, FileError::Storage(ObjectError::OverQuota(_))) {
            let _ = PlatformObjects.delete(&files::content_key(&meta.id));
        }
        return Err(error.into());
    }
    Reply::json(&FileObject::from(meta))
}

async fn keep(key: &str, field: Field<'static>) -> Result<Arrived, ApiError> {
    let most = settings().max_file_bytes;
    let filename = files::filename(field.file_name().unwrap_or("upload.txt"));
    let content_type = field.content_type().map(ToString::to_string);
    Ok(Arrived {
        received: keep_field(field, &PlatformObjects, key, most, || too_large(most)).await?,
        filename,
        content_type,
    })
}

fn one_file() -> ApiError {
    ApiError::invalid_request("Send exactly one file, in the form's field 'file'.").param("file")
}

fn too_large(most: u64) -> ApiError {
    ApiError::new(Code::TooLarge,
        format!("The file is larger than {most} bytes, which is the most here; send it in smaller files."),
    )
    .param("file")
}
