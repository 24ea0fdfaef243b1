//! The rebuild of a native index, as it is asked for and told of.

use serde::{Deserialize, Serialize};

use crate::store::{IndexRef, Manifest};

/// A request for a rebuild.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RebuildRequest {
    /// The kind of index, in FAISS's words; chosen by the store's size where none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factory: Option<String>,
    /// Nobody asked for it but a threshold.
    pub automatic: bool,
}

/// Where the rebuild of a store's native index stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RebuildObject {
    /// `vector_store.rebuild`.
    pub object: String,
    /// Of which store.
    pub vector_store_id: String,
    /// How far it is.
    pub status: RebuildStatus,
    /// What a running one is doing: `copying`, `training`, `adding`, `measuring`, `writing`,
    /// `committing`.
    #[serde(default)]
    pub step: Option<String>,
    /// How many rows that step has done.
    pub rows_done: u64,
    /// Of how many; of one that is not running, the rows of the index.
    pub rows: u64,
    /// Memory of the process that does it.
    #[serde(default)]
    pub memory_bytes: Option<u64>,
    /// How long the step will go on, as it seems.
    #[serde(default)]
    pub seconds_left: Option<u64>,
    /// For a person, where there is something to say.
    pub message: Option<String>,
    /// The index that the store has now.
    #[serde(default)]
    pub index: Option<IndexObject>,
}

/// A store's native index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexObject {
    /// Its kind, in FAISS's words.
    pub factory: String,
    /// Why that one.
    pub reason: String,
    /// How widely searches look, in FAISS's words.
    pub parameters: String,
    /// The share of the ten nearest rows that a search found, on a sample.
    pub recall: f32,
    /// Rows that it knows.
    pub rows: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// Seconds since the Unix epoch.
    pub built_at: u64,
}

/// Where a rebuild stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RebuildStatus {
    /// None was asked for, or the last one ended well.
    Idle,
    /// Asked for, and not begun.
    Queued,
    /// Under way.
    InProgress,
    /// The last one ended badly.
    Failed,
}

impl RebuildObject {
    /// The state of one store's, of which nothing more is known.
    pub fn new(store: &str, status: RebuildStatus) -> Self {
        Self {
            object: "vector_store.rebuild".to_owned(),
            vector_store_id: store.to_owned(),
            status,
            step: None,
            rows_done: 0,
            rows: 0,
            memory_bytes: None,
            seconds_left: None,
            message: None,
            index: None,
        }
    }

    /// Adds what the store says of its index.
    pub fn with_index(mut self, manifest: &Manifest) -> Self {
        self.index = manifest.index.as_ref().map(IndexObject::from);
        if let (RebuildStatus::Idle, Some(index)) = (self.status, &self.index) {
            (self.rows_done, self.rows) = (index.rows, index.rows);
        }
        self
    }
}

impl From<&IndexRef> for IndexObject {
    fn from(index: &IndexRef) -> Self {
        Self {
            factory: index.factory.clone(),
            reason: index.reason.clone(),
            parameters: index.parameters.clone(),
            recall: index.recall,
            rows: index.rows,
            bytes: index.bytes,
            built_at: index.built_ms / 1_000,
        }
    }
}
