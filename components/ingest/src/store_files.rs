//! `/v1/vector_stores/{store}/files`: attach, list, look at, change and take out.

use dayfly_core::api::{
    ApiError, CONTENT_PAGE, Code, Deleted, Page, PageRequest, StoreFileObject, UpdateAttributes,
};
use dayfly_core::files;
use dayfly_core::filter::parse_attributes;
use dayfly_core::home::Home;
use dayfly_core::ids;
use dayfly_core::ops::{self, Listed, Wanted};
use dayfly_core::pending::{self, PendingError, Status, Ticket};
use dayfly_core::store::{self, Manifest, StoreError};
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::existing;
use dayfly_guest::{platform, tidy, upkeep};
use spin_sdk::http::IncomingRequest;

use crate::{After, Answer};

pub const DEFAULT_LIMIT: usize = 20;
pub const MOST: usize = 100;
/// Ingestions that are looked at for one that nobody works on.
const MOST_TRIED: usize = 8;

pub fn list(call: &Call, store: &str) -> Result<Answer, ApiError> {
    let page = PageRequest::parse(|name| call.query(name), DEFAULT_LIMIT, MOST)?;
    let status = parse_filter(call)?;
    let home = existing(store)?.home();
    let (files, has_more) = page.by_id(|wanted| {
        let wanted = Wanted { status, ..*wanted };
        ops::files_of(platform(), &home, &wanted)
    })?;
    let items = files
        .iter()
        .map(|file| (file.file_id().to_owned(), object(&home, file)));
    let reply = Reply::json(&Page::new(items.collect(), has_more))?;
    let tickets = || pending::all_tickets(&PlatformObjects, &home);
    Ok((reply, to_drive(call, tickets)))
}

pub fn object(home: &Home, file: &Listed) -> StoreFileObject {
    match file {
        Listed::Completed(entry) => StoreFileObject::completed(&home.store, entry),
        Listed::Pending(pending) => StoreFileObject::pending(&home.store, pending),
    }
}

/// What this instance goes on with where the platform drives no ingestions: asking does.
pub fn to_drive(
    call: &Call,
    tickets: impl FnOnce() -> Result<Vec<Ticket>, PendingError>,
) -> Option<After> {
    if !call.may_write || settings().step_ms.is_none() {
        return None;
    }
    // The next one who asks finds them where they cannot be listed now.
    let mut tickets = tickets().unwrap_or_default();
    tickets.truncate(MOST_TRIED);
    let first = tickets.first()?;
    (!platform::schedule(&first.store, &first.file_id)).then_some(After::Process(tickets))
}

pub fn parse_filter(call: &Call) -> Result<Option<Status>, ApiError> {
    match call.query("filter") {
        None => Ok(None),
        Some("in_progress") => Ok(Some(Status::InProgress)),
        Some("completed") => Ok(Some(Status::Completed)),
        Some("failed") => Ok(Some(Status::Failed)),
        Some("cancelled") => Ok(Some(Status::Cancelled)),
        Some(other) => Err(ApiError::invalid_request(format!(
            "'filter' is '{other}'; send in_progress, completed, failed or cancelled."
        ))
        .param("filter")),
    }
}

pub fn get(call: &Call, store: &str, file_id: &str) -> Result<Answer, ApiError> {
    let manifest = existing(store)?;
    let home = manifest.home();
    let file = look(&manifest, file_id)?;
    let reply = Reply::json(&object(&home, &file))?;
    let tickets = || pending::tickets_of(&PlatformObjects, &home, file_id);
    Ok((reply, to_drive(call, tickets)))
}

/// Where a file of a store stands.
pub fn state(store: &str, file_id: &str) -> Result<Reply, ApiError> {
    let manifest = existing(store)?;
    let file = look(&manifest, file_id)?;
    Reply::json(&object(&manifest.home(), &file))
}

fn look(manifest: &Manifest, file_id: &str) -> Result<Listed, ApiError> {
    let home = manifest.home();
    ensure_file_id(&home, file_id)?;
    let found = ops::look_from(platform(), manifest, file_id)?;
    found.ok_or_else(|| no_such_file(&home, file_id))
}

pub async fn update(
    call: &Call,
    store: &str,
    file_id: &str,
    request: IncomingRequest,
) -> Result<Answer, ApiError> {
    call.expect_json()?;
    let asked: UpdateAttributes = body::json(request).await?;
    let attributes = parse_attributes(&asked.attributes.unwrap_or_default())?;
    let manifest = existing(store)?;
    let home = manifest.home();
    ensure_completed(&look(&manifest, file_id)?)?;
    let committed = store::making_room(
        platform(),
        &home.store,
        &upkeep(),
        StoreError::is_full,
        || store::set_attributes(platform(), &home, file_id, &attributes),
    )?;
    let found = store::find(platform(), &committed, file_id)?;
    let file = found.ok_or_else(|| no_such_file(&home, file_id))?;
    let reply = Reply::json(&StoreFileObject::completed(&home.store, &file))?;
    Ok((reply, Some(After::Tidy(Box::new(committed)))))
}

/// Refuses to change what an ingestion is about to bring, or did not bring.
fn ensure_completed(file: &Listed) -> Result<(), ApiError> {
    match file.status() {
        Status::Completed => Ok(()),
        Status::InProgress => Err(ApiError::new(
            Code::InProgress,
            "The file is still being ingested; change its attributes when it is completed.",
        )),
        Status::Failed | Status::Cancelled => Err(ApiError::new(
            Code::Failed,
            "The file's ingestion failed; attach it again, with the attributes that it is to have.",
        )),
    }
}

/// Takes a file out of a store; the file itself stays.
pub fn delete(store: &str, file_id: &str) -> Result<Answer, ApiError> {
    let home = existing(store)?.home();
    ensure_file_id(&home, file_id)?;
    let cancelled = store::making_room(
        platform(),
        &home.store,
        &upkeep(),
        PendingError::is_full,
        || ops::detach(platform(), &home, file_id),
    )?;
    let reply = Reply::json(&Deleted::new(file_id, "vector_store.file.deleted"))?;
    Ok((reply, Some(After::Detach(home, cancelled))))
}

/// Removes what is left of a file's ingestions and looks after the store. Others do what this fails
/// to.
pub fn finish_delete(home: &Home, cancelled: &[Ticket]) {
    let _ = ops::finish_detach(platform(), home, cancelled);
    if let Ok(Some(newest)) = store::current(platform(), &home.store) {
        tidy(&newest);
    }
}

/// The text of a file, whole.
pub fn content(store: &str, file_id: &str) -> Result<Reply, ApiError> {
    let manifest = existing(store)?;
    if store::find(platform(), &manifest, file_id)?.is_none() {
        return Err(no_such_file(&manifest.home(), file_id));
    }
    Reply::text_of(files::current(platform(), file_id)?, CONTENT_PAGE)
}

/// Refuses what can be no file's id, before it becomes a part of a key.
pub fn ensure_file_id(home: &Home, file_id: &str) -> Result<(), ApiError> {
    match ids::is_file_id(file_id) {
        true => Ok(()),
        false => Err(no_such_file(home, file_id)),
    }
}

fn no_such_file(home: &Home, file_id: &str) -> ApiError {
    StoreError::NoSuchFile {
        store: home.store.clone(),
        file_id: file_id.to_owned(),
    }
    .into()
}
