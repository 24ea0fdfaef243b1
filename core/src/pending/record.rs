//! What is kept of an ingestion from its acceptance to its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::end::LastError;
use super::ticket::Ticket;
use crate::chunk::ChunkingStrategy;
use crate::files::FileMeta;
use crate::filter::AttributeValue;
use crate::home::Home;

/// An accepted ingestion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// The file to ingest.
    pub file_id: String,
    /// As it was uploaded.
    pub filename: String,
    /// Names this ingestion among those of the same file.
    pub ingest_id: String,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    /// What the committed file will carry.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeValue>,
    /// How to split it.
    pub chunking: ChunkingStrategy,
    /// Failed ingestions of the same file that this one takes the place of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<String>,
    /// Whether it still has to be done.
    pub status: Status,
    /// Why it failed, when it did.
    pub last_error: Option<LastError>,
}

/// Where an ingestion stands, as OpenAI names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Accepted; it will end in one of the others.
    InProgress,
    /// Searchable.
    Completed,
    /// Given up; `last_error` says why.
    Failed,
    /// Taken out before it ended.
    Cancelled,
}

impl Pending {
    /// One that is to be accepted, of the whole file as it is.
    pub fn new(file: &FileMeta, ingest_id: String) -> Self {
        Self {
            file_id: file.id.clone(),
            filename: file.filename.clone(),
            ingest_id,
            created_at: 0,
            attributes: BTreeMap::new(),
            chunking: ChunkingStrategy::Auto,
            earlier: Vec::new(),
            status: Status::InProgress,
            last_error: None,
        }
    }

    /// Which ingestion into that store it is.
    pub fn ticket(&self, home: &Home) -> Ticket {
        Ticket::new(home, &self.file_id, &self.ingest_id)
    }
}
