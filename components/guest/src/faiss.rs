//! The native index, through the platform.

use dayfly_core::api::{ApiError, Code, RebuildObject, RebuildRequest, RebuildStatus};
use dayfly_core::search::{BaseHit, BaseIndex};
use dayfly_core::segment::candidates;
use dayfly_core::store::Manifest;

use crate::bindings::dayfly::platform::faiss::{self, Error, Phase, Rebuild};

/// Asks for a store's rows to be merged into a new base.
///
/// Errors: 501 where there is no FAISS service, 404 for a store that it does not know, 503 when it
/// cannot be reached now.
pub fn request_rebuild(
    manifest: &Manifest,
    request: RebuildRequest,
) -> Result<RebuildObject, ApiError> {
    let store = &manifest.store.id;
    let request = faiss::RebuildRequest {
        factory: request.factory,
        automatic: request.automatic,
    };
    answer(manifest, faiss::request_rebuild(store, &request))
}

/// Where that stands; errors as those of [`request_rebuild`].
pub fn status(manifest: &Manifest) -> Result<RebuildObject, ApiError> {
    answer(manifest, faiss::status(&manifest.store.id))
}

fn answer(manifest: &Manifest, rebuild: Result<Rebuild, Error>) -> Result<RebuildObject, ApiError> {
    let rebuild = rebuild.map_err(|error| match error {
        Error::NotConfigured(text) => ApiError::new(
            Code::NotConfigured,
            format!("The store cannot be rebuilt: {text}."),
        ),
        other => api_error(other),
    })?;
    let status = match rebuild.phase {
        Phase::Idle => RebuildStatus::Idle,
        Phase::Queued => RebuildStatus::Queued,
        Phase::Running => RebuildStatus::InProgress,
        Phase::Failed => RebuildStatus::Failed,
    };
    Ok(RebuildObject {
        step: rebuild.step,
        rows_done: rebuild.rows_done,
        rows: rebuild.rows,
        memory_bytes: rebuild.memory_bytes,
        seconds_left: rebuild.seconds_left,
        message: rebuild.message,
        ..RebuildObject::new(&manifest.store.id, status)
    }
    .with_index(manifest))
}

fn api_error(error: Error) -> ApiError {
    match error {
        Error::NotConfigured(text) => ApiError::new(Code::NotConfigured, text),
        Error::NotFound => ApiError::not_found("The FAISS service knows no such vector store."),
        Error::Denied(text) => ApiError::new(Code::InsufficientPermissions, text),
        Error::Invalid(text) => ApiError::invalid_request(text),
        Error::Unavailable(text) => ApiError::unavailable(text),
    }
}

/// The native index of one version of a store.
pub struct NativeIndex<'a> {
    manifest: &'a Manifest,
    filter: Option<String>,
}

impl<'a> NativeIndex<'a> {
    /// For searches with this filter, in the API's JSON.
    pub fn new(manifest: &'a Manifest, filter: Option<&serde_json::Value>) -> Self {
        Self {
            manifest,
            filter: filter.map(ToString::to_string),
        }
    }
}

impl<E: From<ApiError>> BaseIndex<E> for NativeIndex<'_> {
    fn nearest(&self, query: &[f32], limit: usize) -> Result<Option<Vec<BaseHit>>, E> {
        let Some(index) = &self.manifest.index else {
            return Ok(None);
        };
        let k = candidates(limit, index.candidates as usize) as u32;
        let (store, version) = (&self.manifest.store.id, self.manifest.version);
        let filter = self.filter.as_deref();
        let hit = |hit: faiss::Hit| BaseHit {
            row: hit.row,
            score: hit.score,
        };
        match faiss::search(store, version, &index.base, query, k, "", filter) {
            Ok(hits) => Ok(Some(hits.into_iter().map(hit).collect())),
            // The rows are there all the same, and are scanned: without FAISS, and where a rebuild
            // superseded the base meanwhile.
            Err(Error::NotConfigured(_) | Error::NotFound) => Ok(None),
            Err(error) => Err(api_error(error).into()),
        }
    }
}
