use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::chunk::ChunkingStrategy;
use crate::filter::AttributeValue;
use crate::segment::SegmentMeta;

/// The manifest's format; a reader refuses a newer one. Format 1 knew no native index.
pub const FORMAT: u32 = 2;

/// One version of a store: complete, small, immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// Position in the store's history, from 1: its log sequence number.
    pub version: u64,
    /// When it was made, in milliseconds since the Unix epoch.
    pub committed_ms: u64,
    /// The store was deleted in this version. Its history goes on, so that a late writer
    /// cannot bring it back.
    #[serde(default)]
    pub deleted: bool,
    /// What the store is.
    pub store: StoreInfo,
    /// What was folded out of the tail, if anything.
    pub base: Option<BaseRef>,
    /// The native index over rows of the folded part, if one was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexRef>,
    /// What happened since, oldest first.
    pub tail: Vec<Entry>,
    /// Objects that no longer belong to the store and are deleted when nobody can be
    /// reading them any more.
    #[serde(default)]
    pub garbage: Vec<Garbage>,
}

/// What a store is, apart from its contents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// `vs_…`.
    pub id: String,
    /// For people; need not be unique.
    pub name: Option<String>,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    /// The caller's own notes.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// When an unused store expires.
    pub expires_after: Option<ExpiresAfter>,
    /// How its vectors were and will be made.
    pub embedding: Embedding,
}

/// Expiry after some days without a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiresAfter {
    /// Always `last_active_at`.
    pub anchor: String,
    /// From 1 to 365.
    pub days: u32,
}

/// The vectors of a store: all of one model, dimension and metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedding {
    /// The embedding model's name.
    pub model: String,
    /// Known from the first ingestion on.
    pub dimension: Option<u32>,
    /// Always `cosine`.
    pub metric: String,
}

/// The folded part of a store, in an object of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseRef {
    /// Names its folder.
    pub id: String,
    /// How many files it holds, deleted ones since then included.
    pub files: u64,
    /// Live rows of its segments that the native index does not know.
    #[serde(default)]
    pub rows: u64,
    /// Rows that the native index knows and that were dead already.
    #[serde(default)]
    pub dead: u64,
}

/// A native index over the rows of a base: which one, and how well it finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexRef {
    /// The base whose folder holds it.
    pub base: String,
    /// Rows that it knows, numbered from 0 in the order of the base's segments.
    pub rows: u64,
    /// Bytes of the index file.
    pub bytes: u64,
    /// SHA-256 of the index file, in hexadecimal.
    pub sha256: String,
    /// What FAISS calls it, such as `HNSW32,SQ8`.
    pub factory: String,
    /// Why it was chosen, for people.
    pub reason: String,
    /// How widely a search of it looks, in FAISS's words, such as `efSearch=64`.
    pub parameters: String,
    /// Candidates to rescore for each result, so that it finds what `recall` says.
    pub candidates: u32,
    /// The share of the ten nearest rows that a search finds, measured on a sample.
    pub recall: f32,
    /// When it was built, in milliseconds since the Unix epoch.
    pub built_ms: u64,
}

/// One change of a store's contents. The newest one about a file wins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Entry {
    /// A file was ingested; it replaces an earlier ingestion of the same file.
    Add {
        /// The file.
        file: FileEntry,
        /// Its rows.
        segments: Vec<SegmentMeta>,
    },
    /// A file was taken out.
    Delete {
        /// The file's id.
        file_id: String,
    },
    /// A file's attributes were replaced.
    SetAttributes {
        /// The file's id.
        file_id: String,
        /// All of its attributes.
        attributes: BTreeMap<String, AttributeValue>,
    },
}

/// A file in a store.
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
    /// Bytes of its segments.
    pub usage_bytes: u64,
    /// How it was split.
    pub chunking: ChunkingStrategy,
    /// For filters.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// The segments whose rows of this file are live.
    pub segments: Vec<String>,
}

/// An object on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage {
    /// The object.
    pub key: String,
    /// The first version that does not name it.
    pub version: u64,
    /// When that was, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

impl Manifest {
    /// A store's first version, empty.
    pub fn first(store: StoreInfo, now_ms: u64) -> Self {
        Self {
            format: FORMAT,
            version: 1,
            committed_ms: now_ms,
            deleted: false,
            store,
            base: None,
            index: None,
            tail: Vec::new(),
            garbage: Vec::new(),
        }
    }

    /// When the store expires, in seconds since the Unix epoch; `None` when it never does.
    pub fn expires_at(&self) -> Option<u64> {
        const DAY_S: u64 = 86_400;
        let days = u64::from(self.store.expires_after.as_ref()?.days);
        Some(self.committed_ms / 1_000 + days * DAY_S)
    }
}
