use dayfly_core::api::{
    ContentPage, Deleted, Page, PageRequest, StoreFileObject, TextContent, UpdateAttributes,
};
use dayfly_core::error::ApiError;
use dayfly_core::files;
use dayfly_core::filter::parse_attributes;
use dayfly_core::pending::{self, Pending, Status};
use dayfly_core::store::{self, Table};
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::platform::{self, PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::existing;
use spin_sdk::http::IncomingRequest;

use crate::process::Job;
use crate::{After, Answer};

const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;
/// Pending files of a list that are looked at for one that nobody works on.
const MOST_TRIED: usize = 8;
/// Bytes of text in one page of a file's content.
const PAGE_BYTES: u64 = 4 << 20;

pub fn list(call: &Call, store: &str) -> Result<Answer, ApiError> {
    let page = PageRequest::parse(|name| call.query(name), DEFAULT_LIMIT, MOST)?;
    let wanted = parse_filter(call)?;
    let manifest = existing(store)?;
    let id = &manifest.store.id;
    let pending = pending::all(&PlatformObjects, id)?;
    let table = Table::of(&PlatformObjects, &manifest)?;
    let is_pending = |file: &str| pending.iter().any(|record| record.file_id == file);
    let completed = table
        .files
        .values()
        .filter(|file| !is_pending(&file.file_id));
    let mut objects: Vec<StoreFileObject> = completed
        .map(|file| StoreFileObject::completed(id, file))
        .chain(
            pending
                .iter()
                .map(|record| StoreFileObject::pending(id, record)),
        )
        .filter(|file| wanted.is_none_or(|status| file.status == status))
        .collect();
    objects.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let (objects, has_more) = page.cut(objects, |file| &file.id)?;
    let items = objects.into_iter().map(|file| (file.id.clone(), file));
    let reply = Reply::json(&Page::new(items.collect(), has_more))?;
    Ok((reply, to_drive(call, id, &pending)))
}

/// What this instance goes on with where the platform drives no ingestions: asking does.
fn to_drive(call: &Call, store: &str, pending: &[Pending]) -> Option<After> {
    if !call.may_write || settings().step_ms.is_none() {
        return None;
    }
    let jobs: Vec<Job> = pending
        .iter()
        .filter(|record| record.status == Status::InProgress)
        .take(MOST_TRIED)
        .map(|record| Job {
            store: store.to_owned(),
            file_id: record.file_id.clone(),
        })
        .collect();
    let first = jobs.first()?;
    (!platform::schedule(store, &first.file_id)).then_some(After::Process(jobs))
}

fn parse_filter(call: &Call) -> Result<Option<Status>, ApiError> {
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
    let (reply, pending) = look(store, file_id)?;
    let after = pending.and_then(|(store, record)| to_drive(call, &store, &[record]));
    Ok((reply, after))
}

/// Where a file of a store stands.
pub fn state(store: &str, file_id: &str) -> Result<Reply, ApiError> {
    look(store, file_id).map(|(reply, _)| reply)
}

/// The state of a file, and the store's id and the record where it is pending.
fn look(store: &str, file_id: &str) -> Result<(Reply, Option<(String, Pending)>), ApiError> {
    let manifest = existing(store)?;
    let id = manifest.store.id;
    // The record first: it is removed after the commit, so one of the two always says something.
    if let Some(record) = pending::read(&PlatformObjects, &id, file_id)? {
        let reply = Reply::json(&StoreFileObject::pending(&id, &record))?;
        return Ok((reply, Some((id, record))));
    }
    let newest = existing(store)?;
    let table = Table::of(&PlatformObjects, &newest)?;
    match table.files.get(file_id) {
        Some(file) => Ok((Reply::json(&StoreFileObject::completed(&id, file))?, None)),
        None => Err(no_such_file(&id, file_id)),
    }
}

pub async fn update(
    call: &Call,
    store: &str,
    file_id: &str,
    request: IncomingRequest,
) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: UpdateAttributes = body::json(request).await?;
    let attributes = parse_attributes(&asked.attributes.unwrap_or_default())?;
    let id = existing(store)?.store.id;
    if let Some(mut record) = pending::read(&PlatformObjects, &id, file_id)? {
        if record.status == Status::InProgress {
            return Err(ApiError::conflict(
                "The file is still being ingested; change its attributes when it is completed.",
            )
            .code("in_progress"));
        }
        record.attributes = attributes;
        pending::write(&PlatformObjects, &id, &record)?;
        return Reply::json(&StoreFileObject::pending(&id, &record));
    }
    store::change(&PlatformObjects, &id, clock::now_ms(), |newest| {
        let table = Table::of(&PlatformObjects, newest)?;
        match table.files.contains_key(file_id) {
            true => Ok(Some(newest.with_attributes(file_id, attributes.clone()))),
            false => Err(no_such_file(&id, file_id)),
        }
    })?;
    state(store, file_id)
}

/// Takes a file out of a store; the file itself stays.
pub fn delete(store: &str, file_id: &str) -> Result<Reply, ApiError> {
    let manifest = existing(store)?;
    let id = &manifest.store.id;
    let cancelled = pending::cancel(&PlatformObjects, id, file_id)?;
    let table = Table::of(&PlatformObjects, &existing(store)?)?;
    if cancelled.is_none() && !table.files.contains_key(file_id) {
        return Err(no_such_file(id, file_id));
    }
    let now_ms = clock::now_ms();
    store::take_out(&PlatformObjects, id, file_id, now_ms)?;
    if let Some(cancelled) = cancelled {
        pending::bury(&PlatformObjects, id, &cancelled, now_ms)?;
    }
    Reply::json(&Deleted::new(file_id, "vector_store.file.deleted"))
}

/// The text of a file, in pages of 4 MiB that end between two characters.
pub fn content(call: &Call, store: &str, file_id: &str) -> Result<Reply, ApiError> {
    let manifest = existing(store)?;
    let table = Table::of(&PlatformObjects, &manifest)?;
    if !table.files.contains_key(file_id) {
        return Err(no_such_file(&manifest.store.id, file_id));
    }
    let start: u64 = match call.query("after") {
        None => 0,
        Some(after) => after.parse().map_err(|_| {
            ApiError::invalid_request("'after' takes the 'next_page' of the page before.")
                .param("after")
        })?,
    };
    let file = files::read(&PlatformObjects, file_id)?;
    let end = start.saturating_add(PAGE_BYTES);
    let bytes = files::content(&PlatformObjects, &file, start..end)?;
    let whole = bytes.len() - unfinished_character(&bytes);
    let read = start + whole as u64;
    let text = String::from_utf8_lossy(&bytes[..whole]).into_owned();
    let has_more = read < file.bytes && whole > 0;
    Reply::json(&ContentPage {
        object: "vector_store.file_content.page",
        data: vec![TextContent::new(text)],
        has_more,
        next_page: has_more.then(|| read.to_string()),
    })
}

/// How many bytes at the end are the beginning of a character that goes on.
fn unfinished_character(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(fault) if fault.error_len().is_none() => bytes.len() - fault.valid_up_to(),
        _ => 0,
    }
}

fn no_such_file(store: &str, file_id: &str) -> ApiError {
    ApiError::not_found(format!(
        "No file found with id '{file_id}' in vector store '{store}'."
    ))
}
