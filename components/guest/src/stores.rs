//! Finding and making stores.

use std::collections::BTreeMap;

use dayfly_core::api::{ApiError, Code};
use dayfly_core::ids;
use dayfly_core::store::{self, Embedding, Manifest, StoreInfo};

use crate::clock;
use crate::platform::settings;
use crate::surroundings::platform;

/// The id of the store that a path names, whether or not there is one.
///
/// Errors: 404 for what is no id, 400 for what is no name.
pub fn store_id(id_or_name: &str) -> Result<String, ApiError> {
    ids::store_id(id_or_name).ok_or_else(|| match id_or_name.starts_with(ids::STORE_PREFIX) {
        true => no_such_store(id_or_name),
        false => unusable_name(),
    })
}

/// The newest version of the store that a path names; 404 when there is none.
pub fn existing(id_or_name: &str) -> Result<Manifest, ApiError> {
    let found = store::current(platform(), &store_id(id_or_name)?)?;
    found.ok_or_else(|| no_such_store(id_or_name))
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
    let expired = manifest
        .expires_at()
        .is_some_and(|at| at <= clock::now_ms() / 1_000);
    if expired {
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
    let is_name = !id_or_name.starts_with(ids::STORE_PREFIX);
    let (true, Some(id)) = (is_name, ids::store_id(id_or_name)) else {
        return usable(id_or_name);
    };
    let present = store::current(platform(), &id)?;
    ensure_usable(match present {
        Some(present) => present,
        None => store::create(platform(), &new_store(id, Some(id_or_name.to_owned())))?,
    })
}

/// A store's first version, for vectors of the configured model.
pub fn new_store(id: String, name: Option<String>) -> Manifest {
    Manifest::first(StoreInfo {
        id,
        name,
        created_at: clock::now_ms() / 1_000,
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
