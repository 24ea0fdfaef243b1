//! `/v1/vector_stores/{store}/file_batches`: files that are attached together.

use dayfly_core::api::{ApiError, BatchObject, CreateBatch, Page, PageRequest, Treatment};
use dayfly_core::files::{self, FileMeta};
use dayfly_core::home::Home;
use dayfly_core::ops::batches::{self, Asked, Batch};
use dayfly_core::ops::{Counts, Wanted};
use dayfly_guest::call::Call;
use dayfly_guest::platform::PlatformObjects;
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::{existing, usable_or_new};
use dayfly_guest::{body, clock, platform};
use spin_sdk::http::IncomingRequest;

use crate::store_files::{DEFAULT_LIMIT, MOST, object, parse_filter, to_drive};
use crate::{After, Answer};

/// The largest body that makes a batch: two thousand files with some attributes each.
const BODY_BYTES: usize = 8 << 20;

/// Accepts files into a store. The acceptance of all is durable before it is answered.
pub async fn create(
    call: &Call,
    store: &str,
    request: IncomingRequest,
) -> Result<Answer, ApiError> {
    call.expect_json()?;
    let asked: CreateBatch = body::json_up_to(request, BODY_BYTES).await?;
    let wanted = asked.files()?;
    let ids: Vec<String> = wanted.keys().cloned().collect();
    let known = read_all(&ids)?;
    let home = usable_or_new(store)?.home();
    let member = |(file, treatment): (FileMeta, Treatment)| Asked {
        file,
        attributes: treatment.attributes,
        chunking: treatment.chunking,
    };
    let members = known.into_iter().zip(wanted.into_values()).map(member);
    let (batch, tickets) = batches::accept(platform(), &home, members.collect())?;
    let counts = Counts {
        in_progress: tickets.len() as u64,
        ..Counts::default()
    };
    let reply = Reply::json(&BatchObject::new(&home.store, &batch, counts))?;
    let mut driven = tickets
        .iter()
        .map(|ticket| platform::schedule(&ticket.store, &ticket.file_id));
    let is_driven = driven.by_ref().next().unwrap_or(true);
    driven.for_each(drop);
    Ok((reply, (!is_driven).then_some(After::Process(tickets))))
}

/// The files, in the order of `ids`, which is ascending; 404 where one of them is none.
fn read_all(ids: &[String]) -> Result<Vec<FileMeta>, ApiError> {
    let is_id = |id: &&String| dayfly_core::ids::is_file_id(id);
    let usable: Vec<String> = ids.iter().filter(is_id).cloned().collect();
    let now_s = clock::now_ms() / 1_000;
    let mut found = files::read_many(&PlatformObjects, &usable)?;
    found.retain(|file| !file.is_expired(now_s));
    let is_missing = |id: &&String| {
        let place = found.binary_search_by(|file| file.id.cmp(id));
        place.is_err()
    };
    match ids.iter().find(is_missing) {
        None => Ok(found),
        Some(id) => {
            let missing = ApiError::from(files::FileError::NoSuchFile(id.clone()));
            Err(missing.param("file_ids"))
        }
    }
}

/// How far a batch came.
pub fn get(call: &Call, store: &str, id: &str) -> Result<Answer, ApiError> {
    let home = existing(store)?.home();
    let batch = find(&home, id)?;
    Ok((reply(&home, &batch)?, driving(call, &home, &batch)))
}

/// A page of a batch's files.
pub fn files(call: &Call, store: &str, id: &str) -> Result<Answer, ApiError> {
    let page = PageRequest::parse(|name| call.query(name), DEFAULT_LIMIT, MOST)?;
    let status = parse_filter(call)?;
    let home = existing(store)?.home();
    let batch = find(&home, id)?;
    let (files, has_more) = page.by_id(|wanted| {
        let wanted = Wanted { status, ..*wanted };
        batches::page(platform(), &home, &batch, &wanted)
    })?;
    let items = files
        .iter()
        .map(|file| (file.file_id().to_owned(), object(&home, file)));
    let reply = Reply::json(&Page::new(items.collect(), has_more))?;
    Ok((reply, driving(call, &home, &batch)))
}

/// Gives up what is under way of a batch; what it brought before stays.
pub fn cancel(store: &str, id: &str) -> Result<Answer, ApiError> {
    let home = existing(store)?.home();
    let mut batch = find(&home, id)?;
    let cancelled = batches::cancel(platform(), &home, &mut batch)?;
    let reply = reply(&home, &batch)?;
    Ok((reply, Some(After::Detach(home, cancelled))))
}

/// Where the platform drives no ingestions, asking does.
fn driving(call: &Call, home: &Home, batch: &Batch) -> Option<After> {
    to_drive(call, || batches::tickets(platform(), home, batch))
}

fn find(home: &Home, id: &str) -> Result<Batch, ApiError> {
    let found = batches::read(platform(), home, id)?;
    found.ok_or_else(|| {
        ApiError::not_found(format!(
            "No file batch found with id '{id}' in vector store '{}'.",
            home.store
        ))
    })
}

fn reply(home: &Home, batch: &Batch) -> Result<Reply, ApiError> {
    let standings = batches::standing(platform(), home, batch)?;
    let counts = batches::counts(&standings);
    Reply::json(&BatchObject::new(&home.store, batch, counts))
}
