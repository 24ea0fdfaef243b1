use serde::{Deserialize, Serialize};

use super::error::{parse, to_vec};
use super::{PendingError, failed};
use crate::ids;
use crate::objects::{ObjectError, ObjectMeta};
use crate::platform::Platform;
use crate::store::Home;

/// How long an end is remembered, at the least: much longer than any request for its ingestion
/// can be under way.
const KEPT_MS: u64 = 86_400_000;
/// Ends that are forgotten in one go.
const FORGOTTEN: u32 = 256;

/// How an ingestion ended, for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum End {
    /// It is committed.
    Completed,
    /// It was given up.
    Failed {
        /// Why.
        error: LastError,
    },
    /// Nobody wanted it any more.
    Cancelled,
    /// Cancelled, or failed and dismissed: what it took the place of is forgotten, and nothing of it is
    /// to be told.
    Untold,
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

pub(super) fn key(home: &Home, ingest_id: &str) -> String {
    home.key(&format!("ended/{ingest_id}.json"))
}

/// Ends an ingestion, unless it has ended; how it has.
pub fn decide(
    platform: Platform<'_>,
    home: &Home,
    ingest_id: &str,
    end: End,
) -> Result<End, PendingError> {
    let key = key(home, ingest_id);
    match platform.objects.put_new(&key, &to_vec(&key, &end)?) {
        Ok(()) => Ok(end),
        Err(ObjectError::AlreadyExists) => parse(&key, &platform.objects.get(&key)?),
        Err(error) => Err(error.into()),
    }
}

/// Says of an ingestion that has ended what is true of it by now. What is still being done because of what
/// was said before comes to nothing.
pub(super) fn correct(
    platform: Platform<'_>,
    home: &Home,
    ingest_id: &str,
    end: &End,
) -> Result<(), PendingError> {
    let key = key(home, ingest_id);
    Ok(platform.objects.put(&key, &to_vec(&key, end)?)?)
}

/// How an ingestion ended; `None` where it has not.
pub fn ended(
    platform: Platform<'_>,
    home: &Home,
    ingest_id: &str,
) -> Result<Option<End>, PendingError> {
    let key = key(home, ingest_id);
    match platform.objects.get(&key) {
        Ok(data) => parse(&key, &data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Forgets the ends that were noted more than a day ago, of a bounded number of them. An ingestion
/// whose record is still there keeps its end.
pub fn forget_old(platform: Platform<'_>, home: &Home) -> Result<(), PendingError> {
    let folder = home.key("ended/");
    let listed = platform.objects.list(&folder, None, FORGOTTEN)?;
    let now_ms = platform.now_ms();
    let ingest_id = |key: &str| -> Option<String> {
        Some(key.strip_prefix(&folder)?.strip_suffix(".json")?.to_owned())
    };
    // A failure may have been dismissed long after it was accepted.
    let is_old = |meta: &&ObjectMeta| meta.modified_ms.saturating_add(KEPT_MS) <= now_ms;
    let is_known = |id: &String| accepted_ms(id).is_some_and(|ms| ms + KEPT_MS <= now_ms);
    let old: Vec<String> = listed
        .iter()
        .filter(is_old)
        .filter_map(|meta| ingest_id(&meta.key).filter(is_known))
        .collect();
    if old.is_empty() {
        return Ok(());
    }
    let open = super::all_tickets(platform.objects, home)?;
    let is_open = |id: &String| open.iter().any(|ticket| ticket.ingest_id == *id);
    let old: Vec<String> = old.into_iter().filter(|id| !is_open(id)).collect();
    failed::remove_dismissed(platform, home, &old)?;
    let keys: Vec<String> = old.iter().map(|id| key(home, id)).collect();
    Ok(platform.objects.delete_many(&keys)?)
}

/// When an ingestion was accepted, as its id says: its own, or that of the file it is named by.
fn accepted_ms(ingest_id: &str) -> Option<u64> {
    ids::made_ms(ingest_id, "").or_else(|| ids::made_ms(ingest_id, ids::FILE_PREFIX))
}
