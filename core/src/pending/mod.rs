//! Ingestions that were accepted and are not committed: the durable job queue.
//!
//! A record is written before an ingestion is acknowledged and removed after its commit. Who
//! works on it holds an attempt, claimed by create-if-absent and leased for a time; when the
//! lease passes, or the holder is known to be gone, anybody may claim the next attempt, which goes
//! on from the newest record of the ingestion's progress.
//!
//! Nothing that was written for an ingestion is removed before the ingestion has ended, but what
//! its writer alone can know of. Then [`conclude`] removes what the store does not name.

mod attempt;
mod conclude;
mod hold;
mod progress;

use std::collections::BTreeMap;

pub use attempt::{
    Attempt, Claim, LEASE_MS, Lost, Worker, claim, forget as forget_attempts, is_latest,
};
pub use conclude::{conclude, segment_prefix};
use conclude::{conclude_committed, discard_unheard, remove_leftovers};
pub use hold::{CANCELLED, HELD, Hold, conclude_failed, take_up};
pub use progress::{Progress, Recorded, Track};
use serde::{Deserialize, Serialize};

use crate::chunk::ChunkingStrategy;
use crate::error::ApiError;
use crate::files::{self, FileMeta};
use crate::filter::AttributeValue;
use crate::json;
use crate::objects::{ObjectError, Objects};

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

/// Why an ingestion failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// `server_error`, `rate_limit_exceeded`, `unsupported_file` or `invalid_file`.
    pub code: String,
    /// For a person: what to do.
    pub message: String,
}

impl LastError {
    /// The server, or what it depends on, failed: attaching the file again may succeed.
    pub fn server(message: impl Into<String>) -> Self {
        Self::new("server_error", message)
    }

    /// An error of any of OpenAI's codes.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
        }
    }
}

impl From<ApiError> for LastError {
    fn from(error: ApiError) -> Self {
        let code = match error.status {
            415 => "unsupported_file",
            429 => "rate_limit_exceeded",
            400 | 413 => "invalid_file",
            _ => "server_error",
        };
        Self::new(code, error.message)
    }
}

/// The folder of a store's pending ingestions.
pub fn folder(store: &str) -> String {
    format!("stores/{store}/pending/")
}

fn key(store: &str, file_id: &str) -> String {
    format!("stores/{store}/pending/{file_id}.json")
}

/// The pending ingestion of a file, if there is one.
pub fn read(
    objects: &dyn Objects,
    store: &str,
    file_id: &str,
) -> Result<Option<Pending>, ApiError> {
    match objects.get(&key(store, file_id)) {
        Ok(data) => parse(&data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// All pending ingestions of a store, by file id.
pub fn all(objects: &dyn Objects, store: &str) -> Result<Vec<Pending>, ApiError> {
    let metas = objects.list_all(&folder(store))?;
    let parts: Vec<_> = metas.into_iter().map(|meta| (meta.key, None)).collect();
    let mut found = Vec::with_capacity(parts.len());
    for group in parts.chunks(256) {
        for record in objects.get_many(group) {
            match record {
                Ok(data) => found.push(parse(&data)?),
                Err(ObjectError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(found)
}

/// Writes the record: the ingestion is accepted, or has failed, when this returns.
pub fn write(objects: &dyn Objects, store: &str, pending: &Pending) -> Result<(), ApiError> {
    let data = json::to_vec(pending, "The record cannot be written")?;
    Ok(objects.put(&key(store, &pending.file_id), &data)?)
}

/// Accepts an ingestion durably: from here on it ends `completed` or `failed`.
pub fn accept(
    objects: &dyn Objects,
    store: &str,
    file: &FileMeta,
    attributes: BTreeMap<String, AttributeValue>,
    chunking: ChunkingStrategy,
    ingest_id: String,
    now_ms: u64,
) -> Result<Pending, ApiError> {
    files::note_store(objects, &file.id, store)?;
    let pending = Pending {
        file_id: file.id.clone(),
        filename: file.filename.clone(),
        ingest_id,
        created_at: now_ms / 1_000,
        attributes,
        chunking,
        status: Status::InProgress,
        last_error: None,
    };
    write(objects, store, &pending)?;
    Ok(pending)
}

/// Removes the record. One that a newer ingestion of the same file wrote meanwhile stays.
pub fn remove(
    objects: &dyn Objects,
    store: &str,
    file_id: &str,
    ingest_id: &str,
) -> Result<(), ApiError> {
    if read(objects, store, file_id)?.is_some_and(|pending| pending.ingest_id == ingest_id) {
        objects.delete(&key(store, file_id))?;
    }
    Ok(())
}

/// Gives a file's ingestion up at the caller's wish: it cannot begin to be committed from here on.
/// Answers it, if there was one, and the caller goes on with [`store::take_out`] and [`bury`].
///
/// [`store::take_out`]: crate::store::take_out
pub fn cancel(
    objects: &dyn Objects,
    store: &str,
    file_id: &str,
) -> Result<Option<Pending>, ApiError> {
    let Some(pending) = read(objects, store, file_id)? else {
        return Ok(None);
    };
    let cancelled = Pending {
        status: Status::Cancelled,
        ..pending
    };
    write(objects, store, &cancelled)?;
    Ok(Some(cancelled))
}

/// Removes a cancelled ingestion with all that was written for it. The record goes last: where
/// this is cut short, cancelling again takes it up again.
pub fn bury(
    objects: &dyn Objects,
    store: &str,
    cancelled: &Pending,
    now_ms: u64,
) -> Result<(), ApiError> {
    conclude(
        objects,
        store,
        &cancelled.file_id,
        &cancelled.ingest_id,
        now_ms,
    )?;
    remove(objects, store, &cancelled.file_id, &cancelled.ingest_id)
}

/// Whether the ingestion is still to be done. Once this is no, it stays so.
fn is_wanted(objects: &dyn Objects, store: &str, pending: &Pending) -> Result<bool, ApiError> {
    let present = read(objects, store, &pending.file_id)?;
    Ok(present.is_some_and(|present| {
        present.ingest_id == pending.ingest_id && present.status == Status::InProgress
    }))
}

fn parse(data: &[u8]) -> Result<Pending, ApiError> {
    serde_json::from_slice(data).map_err(|fault| {
        ApiError::new(
            500,
            format!("A pending ingestion's record is damaged: {fault}."),
        )
        .code("damaged_object")
    })
}

#[cfg(test)]
mod tests;
