//! `/v1/files` but for uploads.

use dayfly_core::api::{ApiError, Deleted, FileObject, Page, PageRequest};
use dayfly_core::files;
use dayfly_core::ops;
use dayfly_guest::call::Call;
use dayfly_guest::platform::PlatformObjects;
use dayfly_guest::reply::Reply;
use dayfly_guest::{clock, platform};

use crate::{After, Answer};

const DEFAULT_LIMIT: usize = 10_000;

pub fn list(call: &Call) -> Result<Reply, ApiError> {
    let page = PageRequest::parse(|name| call.query(name), DEFAULT_LIMIT, DEFAULT_LIMIT)?;
    let ids = files::ids(&PlatformObjects)?;
    let itself = |cursor: &str| Ok(cursor.to_owned());
    let purpose = call.query("purpose");
    let now_s = clock::now_ms() / 1_000;
    let (metas, has_more) = page.fill(ids, itself, |ids| {
        let mut metas = files::read_many(&PlatformObjects, ids)?;
        metas.retain(|meta| {
            !meta.is_expired(now_s) && purpose.is_none_or(|purpose| meta.purpose == purpose)
        });
        Ok(metas)
    })?;
    let items = metas
        .into_iter()
        .map(|meta| (meta.id.clone(), FileObject::from(meta)));
    Reply::json(&Page::new(items.collect(), has_more))
}

pub fn get(id: &str) -> Result<Reply, ApiError> {
    Reply::json(&FileObject::from(files::current(platform(), id)?))
}

pub fn content(id: &str) -> Result<Reply, ApiError> {
    Reply::file(files::current(platform(), id)?, "application/octet-stream")
}

/// Deletes a file, and takes it out of every store that holds it.
pub fn delete(id: &str) -> Result<Answer, ApiError> {
    files::current(platform(), id)?;
    ops::delete_file(platform(), id)?;
    let reply = Reply::json(&Deleted::new(id, "file"))?;
    Ok((reply, Some(After::DeleteFile(id.to_owned()))))
}
