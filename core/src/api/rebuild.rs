use serde::{Deserialize, Serialize};

/// Where the rebuild of a store's native index stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildObject {
    /// `vector_store.rebuild`.
    pub object: String,
    /// Of which store.
    pub vector_store_id: String,
    /// How far it is.
    pub status: RebuildStatus,
    /// Rows indexed so far.
    pub rows_done: u64,
    /// All rows.
    pub rows: u64,
    /// For a person, where there is something to say.
    pub message: Option<String>,
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
    /// The state of one store's.
    pub fn new(
        store: &str,
        status: RebuildStatus,
        rows_done: u64,
        rows: u64,
        message: Option<String>,
    ) -> Self {
        Self {
            object: "vector_store.rebuild".to_owned(),
            vector_store_id: store.to_owned(),
            status,
            rows_done,
            rows,
            message,
        }
    }
}
