//! Accepting files into a store. The work itself is `process`.

use dayfly_core::api::{ApiError, AttachFile, StoreFileObject, Treatment};
use dayfly_core::decode;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::ops;
use dayfly_guest::call::Call;
use dayfly_guest::platform::PlatformObjects;
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::usable_or_new;
use dayfly_guest::{body, platform};
use spin_sdk::http::IncomingRequest;

use crate::{After, Answer};

/// What is looked at to tell text from everything else.
const HEAD_BYTES: u64 = 4_096;

/// Accepts a file into a store. The acceptance is durable before it is answered; the work goes
/// on after that, driven by the platform or by this instance.
pub async fn attach(
    call: &Call,
    store: &str,
    request: IncomingRequest,
) -> Result<Answer, ApiError> {
    call.expect_json()?;
    let asked: AttachFile = body::json(request).await?;
    let Treatment {
        attributes,
        chunking,
    } = asked.treatment()?;
    let file = files::current(platform(), &asked.file_id)?;
    format_of(&file)?;
    let home = usable_or_new(store)?.home();
    let pending = ops::attach(platform(), &home, &file, attributes, chunking)?.pending;
    let reply = Reply::json(&StoreFileObject::pending(&home.store, &pending))?;
    let driven = platform::schedule(&home.store, &file.id);
    let after = After::Process(vec![pending.ticket(&home)]);
    Ok((reply, (!driven).then_some(after)))
}

/// How a file is to be read; 415 for what is not text.
pub fn format_of(file: &FileMeta) -> Result<dayfly_core::chunk::Format, ApiError> {
    let head = files::content(&PlatformObjects, file, 0..HEAD_BYTES)?;
    Ok(decode::sniff(
        &file.filename,
        file.content_type.as_deref(),
        &head,
    )?)
}
