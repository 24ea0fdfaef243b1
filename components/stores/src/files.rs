use dayfly_core::api::{Deleted, FileObject, Page, PageRequest};
use dayfly_core::error::ApiError;
use dayfly_core::files;
use dayfly_core::pending;
use dayfly_core::store;
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::platform::PlatformObjects;
use dayfly_guest::reply::Reply;

const DEFAULT_LIMIT: usize = 10_000;

pub fn list(call: &Call) -> Result<Reply, ApiError> {
    let page = PageRequest::parse(|name| call.query(name), DEFAULT_LIMIT, DEFAULT_LIMIT)?;
    let ids = files::ids(&PlatformObjects)?;
    let (metas, has_more) = match call.query("purpose") {
        None => page.fill(ids, |ids| files::read_many(&PlatformObjects, ids))?,
        Some(purpose) => {
            let mut metas = files::read_many(&PlatformObjects, &ids)?;
            metas.retain(|meta| meta.purpose == purpose);
            page.cut(metas, |meta| &meta.id)?
        }
    };
    let items = metas
        .into_iter()
        .map(|meta| (meta.id.clone(), FileObject::from(meta)));
    Reply::json(&Page::new(items.collect(), has_more))
}

pub fn get(id: &str) -> Result<Reply, ApiError> {
    Reply::json(&FileObject::from(files::read(&PlatformObjects, id)?))
}

pub fn content(id: &str) -> Result<Reply, ApiError> {
    Reply::file(
        files::read(&PlatformObjects, id)?,
        "application/octet-stream",
    )
}

/// Deletes a file, and takes it out of every store that holds it.
pub fn delete(id: &str) -> Result<Reply, ApiError> {
    files::read(&PlatformObjects, id)?;
    for store_id in files::stores(&PlatformObjects, id)? {
        let now_ms = clock::now_ms();
        let cancelled = pending::cancel(&PlatformObjects, &store_id, id)?;
        if store::current(&PlatformObjects, &store_id)?.is_some() {
            store::take_out(&PlatformObjects, &store_id, id, now_ms)?;
        }
        if let Some(cancelled) = cancelled {
            pending::bury(&PlatformObjects, &store_id, &cancelled, now_ms)?;
        }
    }
    files::delete(&PlatformObjects, id)?;
    Reply::json(&Deleted::new(id, "file"))
}
