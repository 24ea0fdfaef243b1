//! OpenAI's vector store object, and what is asked of stores.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApiError;
use crate::ops::Counts;
use crate::store::{ExpiresAfter, Manifest};

/// `POST /v1/vector_stores`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct CreateStore {
    /// For people.
    pub name: Option<String>,
    /// What it is for, for people.
    pub description: Option<String>,
    /// The caller's notes.
    pub metadata: Option<BTreeMap<String, String>>,
    /// When it expires, if ever.
    pub expires_after: Option<ExpiresAfter>,
    /// Files to attach at once.
    pub file_ids: Option<Vec<String>>,
    /// How to split them.
    pub chunking_strategy: Option<Value>,
}

/// `POST /v1/vector_stores/{id}`: what is absent stays, what is null is cleared.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct UpdateStore {
    /// A new name.
    #[serde(default, deserialize_with = "present")]
    pub name: Option<Option<String>>,
    /// A new description.
    #[serde(default, deserialize_with = "present")]
    pub description: Option<Option<String>>,
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

/// Every version of a store carries its metadata, and is of bounded size.
const MOST_METADATA_BYTES: usize = 28 << 10;
/// As [`MOST_METADATA_BYTES`], in characters of a description.
const MOST_DESCRIPTION: usize = 512;

fn json_bytes(metadata: &BTreeMap<String, String>) -> usize {
    serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len())
}

/// Checks OpenAI's bounds of a store's settings, and that they fit a version of it.
pub(super) fn validate(
    name: Option<&str>,
    description: Option<&str>,
    metadata: Option<&BTreeMap<String, String>>,
    expires_after: Option<&ExpiresAfter>,
) -> Result<(), ApiError> {
    if name.is_some_and(|name| name.chars().count() > 256) {
        return Err(
            ApiError::invalid_request("'name' is longer than 256 characters.").param("name"),
        );
    }
    if description.is_some_and(|text| text.chars().count() > MOST_DESCRIPTION) {
        return Err(ApiError::invalid_request(format!(
            "'description' is longer than {MOST_DESCRIPTION} characters."
        ))
        .param("description"));
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
        if json_bytes(metadata) > MOST_METADATA_BYTES {
            return Err(ApiError::invalid_request(format!(
                "'metadata' is larger than {MOST_METADATA_BYTES} bytes as JSON, which is the most \
                 here; keep what is long elsewhere, and its name in 'metadata'."
            ))
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
        if self.file_ids.as_ref().is_some_and(|ids| ids.len() > 500) {
            return Err(
                ApiError::invalid_request("'file_ids' takes at most 500 files.").param("file_ids"),
            );
        }
        validate(
            self.name.as_deref(),
            self.description.as_deref(),
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
            self.description.as_ref().and_then(Option::as_deref),
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
        if let Some(description) = &self.description {
            next.store.description.clone_from(description);
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

impl From<Counts> for FileCounts {
    fn from(counts: Counts) -> Self {
        let Counts {
            in_progress,
            completed,
            failed,
            cancelled,
        } = counts;
        Self {
            in_progress,
            completed,
            failed,
            cancelled,
            total: in_progress + completed + failed + cancelled,
        }
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
    name: String,
    description: Option<String>,
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
    /// The object of a version, with how many files stand where.
    pub fn new(manifest: &Manifest, counts: Counts, now_ms: u64) -> Self {
        let file_counts = FileCounts::from(counts);
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
            // Its schema has no null here, and strict clients hold it to that.
            name: store.name.clone().unwrap_or_default(),
            description: store.description.clone(),
            usage_bytes: manifest.totals.bytes,
            file_counts,
            status,
            expires_after: store.expires_after.clone(),
            expires_at,
            last_active_at: manifest.active_ms / 1_000,
            metadata: store.metadata.clone(),
            model: store.embedding.model.clone(),
            dimension: store.embedding.dimension,
            metric: store.embedding.metric.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: usize, value: &str) -> CreateStore {
        let pairs = (0..pairs).map(|number| (format!("key{number}"), value.to_owned()));
        CreateStore {
            metadata: Some(pairs.collect()),
            ..CreateStore::default()
        }
    }

    #[test]
    fn metadata_within_the_bounds_of_letters_may_be_too_large_for_a_version() {
        assert_eq!(with(16, &"x".repeat(512)).validate(), Ok(()));
        for (pairs, value) in [(17, "x".to_owned()), (16, "\u{1f9a2}".repeat(512))] {
            let error = with(pairs, &value).validate().unwrap_err();
            assert_eq!(
                (error.status, error.param.as_deref()),
                (400, Some("metadata"))
            );
        }
    }
}
