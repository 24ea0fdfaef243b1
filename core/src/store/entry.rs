//! What a store knows of a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chunk::ChunkingStrategy;
use crate::filter::AttributeValue;

/// A file in a store, and where its rows are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// `file-…`.
    pub file_id: String,
    /// As it was uploaded.
    pub filename: String,
    /// This ingestion; a repeated commit of the same one changes nothing.
    pub ingest_id: String,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    /// Bytes of its segments as they were ingested.
    pub usage_bytes: u64,
    /// How it was split.
    pub chunking: ChunkingStrategy,
    /// For filters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Its rows, in the order of its chunks.
    pub rows: Vec<RowRange>,
}

/// Consecutive rows of one segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRange {
    /// The segment's id.
    pub segment: String,
    /// The first of them.
    pub first: u32,
    /// How many, at least one.
    pub rows: u32,
}

/// What happened to a file. The newest change of a file is all that is true of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Change {
    /// It was ingested, ingested anew, or got other attributes: this is how it is now.
    Put(FileEntry),
    /// It was taken out.
    Delete {
        /// The file's id.
        file_id: String,
    },
}

impl Change {
    /// The file that it is about.
    pub fn file_id(&self) -> &str {
        match self {
            Self::Put(file) => &file.file_id,
            Self::Delete { file_id } => file_id,
        }
    }

    /// The file, where it is still there.
    pub fn file(&self) -> Option<&FileEntry> {
        match self {
            Self::Put(file) => Some(file),
            Self::Delete { .. } => None,
        }
    }
}

impl FileEntry {
    /// How many rows it has.
    pub fn row_count(&self) -> u64 {
        self.rows.iter().map(|range| u64::from(range.rows)).sum()
    }

    /// Whether a row of a segment is one of its.
    pub fn holds(&self, segment: &str, row: u32) -> bool {
        self.rows.iter().any(|range| {
            range.segment == segment && row >= range.first && row - range.first < range.rows
        })
    }
}
