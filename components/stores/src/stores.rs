//! `/v1/vector_stores` but for their files.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::api::{
    ApiError, CreateStore, Deleted, Order, Page, PageRequest, RebuildRequest, StoreObject,
    Treatment, UpdateStore,
};
use dayfly_core::files;
use dayfly_core::ids;
use dayfly_core::ops::{self, Counts};
use dayfly_core::pending::PendingError;
use dayfly_core::store::{self, Manifest, Marked, StoreError};
use dayfly_guest::call::Call;
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

/// Stores, and whether there are more. Where the cursor is no store and never was, there are none.
type Found = (Vec<(Counts, Manifest)>, bool);

/// A page from the newest on, or after a store: reads no other.
fn newest(page: &PageRequest) -> Result<Found, ApiError> {
    let home = match page.after() {
        None => None,
        Some(cursor) => match place(cursor)? {
            Some(Reverse(marked)) => Some(marked.home()),
            None => return Ok(Found::default()),
        },
    };
    Ok(ops::counted_stores_after(
        platform(),
        home.as_ref(),
        page.limit(),
    )?)
}

/// Any page: reads the names of all stores, and those of the page.
fn among_all(page: &PageRequest) -> Result<Found, ApiError> {
    let mut places = BTreeMap::new();
    for cursor in page.after().into_iter().chain(page.before()) {
        match place(cursor)? {
            Some(place) => places.insert(cursor, place),
            None => return Ok(Found::default()),
        };
    }
    let newest_first = ops::list_stores(platform())?;
    let keys = newest_first.into_iter().rev().map(Reverse).collect();
    let place = |cursor: &str| {
        let place = places.get(cursor).cloned();
        place.ok_or_else(|| ApiError::invalid_request("The cursor is no vector store."))
    };
    page.fill(keys, place, |keys| {
        let mut found = Vec::with_capacity(keys.len());
        for Reverse(marked) in keys {
            found.extend(ops::counted_store(platform(), marked)?);
        }
        Ok(found)
    })
}

/// Where a store stands among all, also one that was deleted; the greatest is the newest.
fn place(cursor: &str) -> Result<Option<Reverse<Marked>>, ApiError> {
    let Some(id) = ids::store_id(cursor) else {
        return Ok(None);
    };
    Ok(ops::place_of_store(platform(), &id)?.map(Reverse))
}

pub async fn create(call: &Call, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: CreateStore = body::json_or_default(request).await?;
    asked.validate()?;
    let Treatment { chunking, .. } = Treatment::parse(None, asked.chunking_strategy.as_ref())?;
    let wanted: BTreeSet<&String> = asked.file_ids.iter().flatten().collect();
    let attached = wanted
        .into_iter()
        .map(|id| files::current(platform(), id))
        .collect::<Result<Vec<_>, _>>()?;
    let made = ops::make_store(platform(), asked.name.as_deref(), |id| {
        let mut first = new_store(id, asked.name.clone());
        first.store.description.clone_from(&asked.description);
        first.store.metadata = asked.metadata.clone().unwrap_or_default();
        first.store.expires_after.clone_from(&asked.expires_after);
        first
    });
    let made = made?;
    let accepted = ops::attach_first(platform(), &made, &attached, chunking)?;
    for pending in &accepted {
        // Where the platform does not drive it, asking for the file's status does.
        platform::schedule(&made.store.id, &pending.file_id);
    }
    get(&made.store.id)
}

pub fn get(id: &str) -> Result<Reply, ApiError> {
    let id = match id.starts_with(ids::STORE_PREFIX) {
        true => store_id(id)?,
        false => existing(id)?.store.id,
    };
    match ops::count_of(platform(), &id) {
        Ok((counts, manifest)) => Reply::json(&object(&manifest, counts)),
        Err(PendingError::Store(StoreError::NoSuchStore(_))) => Err(no_such_store(&id)),
        Err(error) => Err(error.into()),
    }
}

pub async fn update(call: &Call, id: &str, request: IncomingRequest) -> Result<Answer, ApiError> {
    call.expect_json()?;
    let asked: UpdateStore = body::json_or_default(request).await?;
    asked.validate()?;
    let store = existing(id)?.store.id;
    let name = asked.name.as_ref().and_then(Option::as_deref);
    ops::note_name(platform(), &store, name)?;
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
