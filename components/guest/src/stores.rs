//! Finding and making stores.

use std::collections::BTreeMap;

use dayfly_core::api::{ApiError, Code};
use dayfly_core::ids;
use dayfly_core::ops::{self, Named};
use dayfly_core::store::{Embedding, Manifest, StoreInfo};

use crate::clock;
use crate::platform::settings;
use crate::surroundings::platform;

/// The id that a path names, or that a name is given first, whether or not there is such a store.
///
/// Errors: 404 for what is no id, 400 for what is no name.
pub fn store_id(id_or_name: &str) -> Result<String, ApiError> {
    ids::store_id(id_or_name).ok_or_else(|| match id_or_name.starts_with(ids::STORE_PREFIX) {
        true => no_such_store(id_or_name),
        false => unusable_name(),
    })
}

/// The newest version of the store that a path names, by its id or by a name.
///
/// Errors: 404 where there is none, 409 where several have that name.
pub fn existing(id_or_name: &str) -> Result<Manifest, ApiError> {
    store_id(id_or_name)?;
    one(ops::find_store(platform(), id_or_name)?, id_or_name)
}

fn one(named: Named, id_or_name: &str) -> Result<Manifest, ApiError> {
    match named {
        Named::One(manifest) => Ok(*manifest),
        Named::None => Err(no_such_store(id_or_name)),
        Named::Several(ids) => Err(ApiError::conflict(format!(
            "Several vector stores are named '{id_or_name}': {}; say which by its id.",
            ids.join(", ")
        ))),
    }
}

/// As [`existing`], of a store that still takes requests and whose vectors this server can make.
///
/// Errors: 404 for an unknown store, 400 for an expired one, 409 for one of another model.
pub fn usable(id_or_name: &str) -> Result<Manifest, ApiError> {
    ensure_usable(existing(id_or_name)?)
}

/// The manifest again, where the store still takes requests and this server can make its vectors.
///
/// Errors: as of [`usable`].
pub fn ensure_usable(manifest: Manifest) -> Result<Manifest, ApiError> {
    if manifest.is_expired(clock::now_ms()) {
        return Err(ApiError::new(
            Code::Expired,
            "The vector store has expired; make a new one, or change its 'expires_after'.",
        ));
    }
    let model = settings().embedding.model;
    if manifest.store.embedding.model != model {
        return Err(ApiError::new(
            Code::ModelMismatch,
            format!(
                "The vector store was built with the embedding model '{}', and this server embeds with \
             '{model}'; their vectors cannot be compared. Make a new store, or start the server \
             with that model.",
                manifest.store.embedding.model
            ),
        ));
    }
    Ok(manifest)
}

/// As [`usable`], of a store that is made when its name is not taken yet.
pub fn usable_or_new(id_or_name: &str) -> Result<Manifest, ApiError> {
    if id_or_name.starts_with(ids::STORE_PREFIX) {
        return usable(id_or_name);
    }
    store_id(id_or_name)?;
    let first = |id| new_store(id, Some(id_or_name.to_owned()));
    let found = ops::find_or_make_store(platform(), id_or_name, first)?;
    ensure_usable(one(found, id_or_name)?)
}

/// A store's first version, for vectors of the configured model.
pub fn new_store(id: String, name: Option<String>) -> Manifest {
    Manifest::first(StoreInfo {
        id,
        name,
        created_at: clock::now_ms() / 1_000,
        description: None,
        metadata: BTreeMap::new(),
        expires_after: None,
        embedding: Embedding {
            model: settings().embedding.model,
            dimension: None,
            metric: "cosine".to_owned(),
        },
    })
}

fn unusable_name() -> ApiError {
    ApiError::invalid_request(
        "A store is named by its id (vs_…), or by a name of 1 to 256 bytes without control characters.",
    )
    .param("store")
}

/// 404: there is no such store.
pub fn no_such_store(id_or_name: &str) -> ApiError {
    ApiError::not_found(format!("No vector store found with id '{id_or_name}'."))
}
