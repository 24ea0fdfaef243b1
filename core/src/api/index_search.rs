//! A native index's search by HTTP, the same for the service and for who asks it.

use serde::{Deserialize, Serialize};

/// A search of a native index, as guests on other hosts ask for it by HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexQuery {
    /// The store's version whose live rows are meant.
    pub version: u64,
    /// The vector.
    pub query: Vec<f32>,
    /// How many rows are wanted.
    pub k: u32,
    /// FAISS's search parameters; empty for the index's own.
    #[serde(default)]
    pub parameters: String,
    /// The API's attribute filter, as JSON.
    #[serde(default)]
    pub filter: Option<String>,
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IndexHit {
    /// Its number in the index.
    pub row: u64,
    /// Its similarity to the query.
    pub score: f32,
}

/// What a search answers, best first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexHits {
    /// At most `k`.
    pub hits: Vec<IndexHit>,
}
