//! `/v1/vector_stores` but for their files.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use dayfly_core::api::{
    ApiError, CreateStore, Deleted, Order, Page, PageRequest, RebuildRequest, StoreObject,
    UpdateStore,
};
use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::ops::{self, Counts};
use dayfly_core::pending::{self, Pending, PendingError};
use dayfly_core::store::{self, Manifest, Marked, StoreError};
use dayfly_core::{files, ids};
use dayfly_guest::call::Call;
use dayfly_guest::platform::PlatformObjects;
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::{existing, new_store, no_such_store, store_id};
use dayfly_guest::{body, clock, faiss, platform, upkeep};
use spin_sdk::http::IncomingRequest;

use crate::{After, Answer};

const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

pub fn list(call: &Call) -> Result<Reply, ApiError> {
    let page = PageRequest::parse(|name| call.query(name), DEFAULT_LIMIT, MOST)?;
    let (stores, has_more) = match (page.order(), page.before()) {
        (Order::Descending, None) => newest(&page)?,
        _ => among_all(&page)?,
    };
    let items = stores.into_iter().map(|(counts, manifest)| {
        let store = object(&manifest, counts);
        (store.id.clone(), store)
    });
    Reply::json(&Page::new(items.collect(), has_more))
}

/// A page from the newest on, or after a store: reads no other.
fn newest(page: &PageRequest) -> Result<(Vec<(Counts, Manifest)>, bool), ApiError> {
    let place = page.after().map(place).transpose();
    let home = place
        .map_err(|error| error.param("after"))?
        .map(|Reverse(marked)| marked.home());
    Ok(ops::counted_stores_after(
        platform(),
        home.as_ref(),
        page.limit(),
    )?)
}

/// Any page: reads the names of all stores, and those of the page.
fn among_all(page: &PageRequest) -> Result<(Vec<(Counts, Manifest)>, bool), ApiError> {
    let newest_first = ops::list_stores(platform())?;
    let keys = newest_first.into_iter().rev().map(Reverse).collect();
    page.fill(keys, place, |keys| {
        let mut found = Vec::with_capacity(keys.len());
        for Reverse(marked) in keys {
            found.extend(ops::counted_store(platform(), marked)?);
        }
        Ok(found)
    })
}

/// Where a store stands among all, also one that was deleted; the greatest is the newest.
fn place(cursor: &str) -> Result<Reverse<Marked>, ApiError> {
    let place = match ids::store_id(cursor) {
        Some(id) => ops::place_of_store(platform(), &id)?,
        None => None,
    };
    place.map(Reverse).ok_or_else(|| {
        ApiError::invalid_request(format!(
            "'{cursor}' is no vector store, and never was; begin again without it."
        ))
    })
}

pub async fn create(call: &Call, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: CreateStore = body::json_or_default(request).await?;
    asked.validate()?;
    let chunking = match &asked.chunking_strategy {
        Some(value) => ChunkingStrategy::parse(value)?,
        None => ChunkingStrategy::Auto,
    };
    let wanted: BTreeSet<&String> = asked.file_ids.iter().collect();
    let attached = wanted
        .into_iter()
        .map(|id| files::read(&PlatformObjects, id))
        .collect::<Result<Vec<_>, _>>()?;
    let mut first = new_store(platform().new_id(ids::STORE_PREFIX), asked.name);
    first.store.metadata = asked.metadata.unwrap_or_default();
    first.store.expires_after = asked.expires_after;
    let home = store::create(platform(), &first)?.home();
    for file in &attached {
        // Of a new store nothing is under way.
        let asked = Pending {
            chunking,
            ..Pending::new(file, platform().new_id(""))
        };
        pending::accept(platform(), &home, asked)?;
        // Where the platform does not drive it, asking for the file's status does.
        platform::schedule(&home.store, &file.id);
    }
    get(&home.store)
}

pub fn get(id: &str) -> Result<Reply, ApiError> {
    match ops::count_of(platform(), &store_id(id)?) {
        Ok((counts, manifest)) => Reply::json(&object(&manifest, counts)),
        Err(PendingError::Store(StoreError::NoSuchStore(_))) => Err(no_such_store(id)),
        Err(error) => Err(error.into()),
    }
}

pub async fn update(call: &Call, id: &str, request: IncomingRequest) -> Result<Answer, ApiError> {
    call.expect_json()?;
    let asked: UpdateStore = body::json_or_default(request).await?;
    asked.validate()?;
    let store = existing(id)?.store.id;
    let committed = store::making_room(platform(), &store, &upkeep(), StoreError::is_full, || {
        store::change(platform(), &store, |newest| {
            Ok(Some(asked.apply(newest).into()))
        })
    })?;
    Ok((get(&store)?, Some(After::Tidy(Box::new(committed)))))
}

/// Deletes a store: nothing stays of it but the record that it is deleted.
pub fn delete(id: &str) -> Result<Answer, ApiError> {
    let present = existing(id)?;
    let home = ops::delete_store(platform(), &present)?;
    let reply = Reply::json(&Deleted::new(&home.store, "vector_store.deleted"))?;
    Ok((reply, Some(After::DeleteStore(home))))
}

/// Asks the native FAISS service to merge the store's rows into one index.
pub async fn request_rebuild(
    call: &Call,
    id: &str,
    request: IncomingRequest,
) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: RebuildRequest = body::json_or_default(request).await?;
    Reply::json(&faiss::request_rebuild(&existing(id)?, asked)?)
}

/// Where that stands.
pub fn rebuild(id: &str) -> Result<Reply, ApiError> {
    Reply::json(&faiss::status(&existing(id)?)?)
}

fn object(manifest: &Manifest, counts: Counts) -> StoreObject {
    StoreObject::new(manifest, counts, clock::now_ms())
}
