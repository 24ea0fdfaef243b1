use std::collections::BTreeMap;

use dayfly_core::api::{
    CreateStore, Deleted, Page, PageRequest, RebuildRequest, StoreObject, UpdateStore,
};
use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::error::ApiError;
use dayfly_core::objects::Objects;
use dayfly_core::pending;
use dayfly_core::store::{self, Manifest, Table};
use dayfly_core::{files, ids};
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::faiss;
use dayfly_guest::platform::{self, PlatformObjects};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::{existing, new_store};
use spin_sdk::http::IncomingRequest;

const DEFAULT_LIMIT: usize = 20;
const MOST: usize = 100;

pub fn list(call: &Call) -> Result<Reply, ApiError> {
    let page = PageRequest::parse(|name| call.query(name), DEFAULT_LIMIT, MOST)?;
    let mut stores: Vec<Manifest> = Vec::new();
    for id in PlatformObjects.folders("stores/")? {
        stores.extend(store::current(&PlatformObjects, &id)?);
    }
    stores.sort_by(|a, b| {
        let key = |manifest: &Manifest| (manifest.store.created_at, manifest.store.id.clone());
        key(a).cmp(&key(b))
    });
    let (stores, has_more) = page.cut(stores, |manifest| &manifest.store.id)?;
    let mut items = Vec::with_capacity(stores.len());
    for manifest in stores {
        let store = describe(&manifest)?;
        items.push((store.id.clone(), store));
    }
    Reply::json(&Page::new(items, has_more))
}

pub async fn create(call: &Call, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: CreateStore = body::json_or_default(request).await?;
    asked.validate()?;
    let chunking = match &asked.chunking_strategy {
        Some(value) => ChunkingStrategy::parse(value)?,
        None => ChunkingStrategy::Auto,
    };
    let attached = asked
        .file_ids
        .iter()
        .map(|id| files::read(&PlatformObjects, id))
        .collect::<Result<Vec<_>, _>>()?;
    let now_ms = clock::now_ms();
    let id = ids::time_ordered(ids::STORE_PREFIX, now_ms, clock::random());
    let mut first = new_store(id.clone(), asked.name, now_ms);
    first.store.metadata = asked.metadata.unwrap_or_default();
    first.store.expires_after = asked.expires_after;
    let manifest = store::create(&PlatformObjects, &first, now_ms)?;
    for file in &attached {
        let ingest_id = ids::time_ordered("", now_ms, clock::random());
        pending::accept(
            &PlatformObjects,
            &id,
            file,
            BTreeMap::new(),
            chunking,
            ingest_id,
            now_ms,
        )?;
        // Where the platform does not drive it, asking for the file's status does.
        platform::schedule(&id, &file.id);
    }
    Reply::json(&describe(&manifest)?)
}

pub fn get(id: &str) -> Result<Reply, ApiError> {
    Reply::json(&describe(&existing(id)?)?)
}

pub async fn update(call: &Call, id: &str, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: UpdateStore = body::json_or_default(request).await?;
    asked.validate()?;
    let present = existing(id)?;
    let manifest = store::change(
        &PlatformObjects,
        &present.store.id,
        clock::now_ms(),
        |newest| Ok(Some(asked.apply(newest))),
    )?;
    Reply::json(&describe(&manifest)?)
}

/// Deletes a store and all of its objects but the record that it is deleted.
pub fn delete(id: &str) -> Result<Reply, ApiError> {
    let present = existing(id)?;
    store::delete(&PlatformObjects, &present.store.id, clock::now_ms())?;
    Reply::json(&Deleted::new(&present.store.id, "vector_store.deleted"))
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

fn describe(manifest: &Manifest) -> Result<StoreObject, ApiError> {
    let table = Table::of(&PlatformObjects, manifest)?;
    let pending = pending::all(&PlatformObjects, &manifest.store.id)?;
    Ok(StoreObject::new(
        manifest,
        &table,
        &pending,
        clock::now_ms(),
    ))
}
