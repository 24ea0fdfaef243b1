//! Files that come in one request.

use std::slice;

use dayfly_core::api::{ApiError, Code, FileObject, LONGEST_PURPOSE, purpose, validate_expiry};
use dayfly_core::files::{self, FileError, FileExpiresAfter, FileMeta};
use dayfly_core::objects::{ObjectError, Objects};
use dayfly_guest::call::Call;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::{Made, clock};
use dayfly_intake::{Field, Received, keep as keep_field, short};
use spin_sdk::http::IncomingRequest;

use crate::form;

const DEFAULT_PURPOSE: &str = "assistants";
/// The length of the longest word and of the longest number of an expiry.
const LONGEST_EXPIRY: usize = 16;

/// A file that has arrived; it exists once it is finished and described.
struct Arrived {
    received: Received,
    filename: String,
    content_type: Option<String>,
}

/// What a form says of a file's expiry, as it came.
#[derive(Default)]
struct Expiry {
    anchor: Option<Vec<u8>>,
    seconds: Option<Vec<u8>>,
}

impl Expiry {
    fn checked(&self) -> Result<Option<FileExpiresAfter>, ApiError> {
        if self.anchor.is_none() && self.seconds.is_none() {
            return Ok(None);
        }
        let text = |given: &Option<Vec<u8>>| {
            String::from_utf8_lossy(given.as_deref().unwrap_or_default()).into_owned()
        };
        let expiry = FileExpiresAfter {
            anchor: text(&self.anchor),
            seconds: text(&self.seconds).parse().unwrap_or_default(),
        };
        validate_expiry(&expiry)?;
        Ok(Some(expiry))
    }
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
    let mut expiry = Expiry::default();
    while let Some(field) = form.next().await? {
        match field.name() {
            Some("file") if arrived.is_some() => return Err(one_file()),
            Some("file") => arrived = Some(keep(&files::content_key(&id), field).await?),
            Some("purpose") => given = purpose(&short(field, LONGEST_PURPOSE).await?)?,
            Some("expires_after[anchor]") => {
                expiry.anchor = Some(short(field, LONGEST_EXPIRY).await?);
            }
            Some("expires_after[seconds]") => {
                expiry.seconds = Some(short(field, LONGEST_EXPIRY).await?);
            }
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
    let created_at = clock::now_ms() / 1_000;
    let expires_after = expiry.checked()?;
    writer.finish()?;
    let meta = FileMeta {
        id,
        bytes,
        created_at,
        expires_at: expires_after.map(|after| created_at + after.seconds),
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
