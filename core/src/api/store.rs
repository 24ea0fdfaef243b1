use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::ApiError;
use crate::pending::{Pending, Status};
use crate::store::{ExpiresAfter, Manifest, Table};

/// `POST /v1/vector_stores`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CreateStore {
    /// For people.
    pub name: Option<String>,
    /// The caller's notes.
    pub metadata: Option<BTreeMap<String, String>>,
    /// When it expires, if ever.
    pub expires_after: Option<ExpiresAfter>,
    /// Files to attach at once.
    #[serde(default)]
    pub file_ids: Vec<String>,
    /// How to split them.
    pub chunking_strategy: Option<Value>,
}

/// `POST /v1/vector_stores/{id}`: what is absent stays, what is null is cleared.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct UpdateStore {
    /// A new name.
    #[serde(default, deserialize_with = "present")]
    pub name: Option<Option<String>>,
    /// New notes, in place of the old ones.
    #[serde(default, deserialize_with = "present")]
    pub metadata: Option<Option<BTreeMap<String, String>>>,
    /// A new expiry.
    #[serde(default, deserialize_with = "present")]
    pub expires_after: Option<Option<ExpiresAfter>>,
}

/// Tells null from absent.
fn present<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Checks OpenAI's bounds of a store's settings.
pub(super) fn validate(
    name: Option<&str>,
    metadata: Option<&BTreeMap<String, String>>,
    expires_after: Option<&ExpiresAfter>,
) -> Result<(), ApiError> {
    if name.is_some_and(|name| name.chars().count() > 256) {
        return Err(
            ApiError::invalid_request("'name' is longer than 256 characters.").param("name"),
        );
    }
    if let Some(metadata) = metadata {
        let fits = metadata.len() <= 16
            && metadata
                .iter()
                .all(|(key, value)| key.chars().count() <= 64 && value.chars().count() <= 512);
        if !fits {
            return Err(ApiError::invalid_request(
                "'metadata' takes at most 16 pairs, keys of at most 64 and values of at most 512 characters.",
            )
            .param("metadata"));
        }
    }
    if let Some(expiry) = expires_after
        && (expiry.anchor != "last_active_at" || !(1..=365).contains(&expiry.days))
    {
        return Err(ApiError::invalid_request(
            "'expires_after' takes the anchor 'last_active_at' and from 1 to 365 days.",
        )
        .param("expires_after"));
    }
    Ok(())
}

impl CreateStore {
    /// Errors: 400 that names the field and its bounds.
    pub fn validate(&self) -> Result<(), ApiError> {
        if self.file_ids.len() > 500 {
            return Err(
                ApiError::invalid_request("'file_ids' takes at most 500 files.").param("file_ids"),
            );
        }
        validate(
            self.name.as_deref(),
            self.metadata.as_ref(),
            self.expires_after.as_ref(),
        )
    }
}

impl UpdateStore {
    /// Errors: 400 that names the field and its bounds.
    pub fn validate(&self) -> Result<(), ApiError> {
        validate(
            self.name.as_ref().and_then(Option::as_deref),
            self.metadata.as_ref().and_then(Option::as_ref),
            self.expires_after.as_ref().and_then(Option::as_ref),
        )
    }

    /// The next version, with these settings.
    pub fn apply(&self, manifest: &Manifest) -> Manifest {
        let mut next = manifest.clone();
        if let Some(name) = &self.name {
            next.store.name.clone_from(name);
        }
        if let Some(metadata) = &self.metadata {
            next.store.metadata = metadata.clone().unwrap_or_default();
        }
        if let Some(expiry) = &self.expires_after {
            next.store.expires_after.clone_from(expiry);
        }
        next
    }
}

/// How many of a store's files stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FileCounts {
    in_progress: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    total: u64,
}

impl FileCounts {
    fn of(table: &Table, pending: &[Pending]) -> Self {
        let mut counts = Self::default();
        for record in pending {
            match record.status {
                Status::InProgress => counts.in_progress += 1,
                Status::Failed => counts.failed += 1,
                Status::Cancelled => counts.cancelled += 1,
                Status::Completed => {}
            }
        }
        let counted = |id: &String| !pending.iter().any(|record| &record.file_id == id);
        counts.completed = table.files.keys().filter(|id| counted(id)).count() as u64;
        counts.total = counts.in_progress + counts.completed + counts.failed + counts.cancelled;
        counts
    }
}

/// OpenAI's vector store object, with the model, dimension and metric of its vectors.
#[derive(Debug, Clone, Serialize)]
pub struct StoreObject {
    /// `vs_…`.
    pub id: String,
    object: &'static str,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    name: Option<String>,
    usage_bytes: u64,
    file_counts: FileCounts,
    status: &'static str,
    expires_after: Option<ExpiresAfter>,
    expires_at: Option<u64>,
    last_active_at: u64,
    metadata: BTreeMap<String, String>,
    model: String,
    dimension: Option<u32>,
    metric: String,
}

impl StoreObject {
    /// The object of a version, with what is pending beside it.
    pub fn new(manifest: &Manifest, table: &Table, pending: &[Pending], now_ms: u64) -> Self {
        let file_counts = FileCounts::of(table, pending);
        let expires_at = manifest.expires_at();
        let status = match expires_at {
            Some(at) if at <= now_ms / 1_000 => "expired",
            _ if file_counts.in_progress > 0 => "in_progress",
            _ => "completed",
        };
        let store = &manifest.store;
        Self {
            id: store.id.clone(),
            object: "vector_store",
            created_at: store.created_at,
            name: store.name.clone(),
            usage_bytes: table.files.values().map(|file| file.usage_bytes).sum(),
            file_counts,
            status,
            expires_after: store.expires_after.clone(),
            expires_at,
            last_active_at: manifest.committed_ms / 1_000,
            metadata: store.metadata.clone(),
            model: store.embedding.model.clone(),
            dimension: store.embedding.dimension,
            metric: store.embedding.metric.clone(),
        }
    }
}
