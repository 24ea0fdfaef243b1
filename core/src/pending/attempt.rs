use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::objects::{ObjectError, Objects};

/// How long an attempt is held without being renewed, in milliseconds.
pub const LEASE_MS: u64 = 60_000;

/// After so many attempts that ended without an answer the file has failed.
const MOST_ATTEMPTS: u32 = 5;

/// Who works on attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// The host, the same after it is started again.
    pub node: String,
    /// This start of the host: attempts of an earlier one are known to be dead.
    pub boot: String,
}

/// How the instance that worked on the last attempt ended, where the platform knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// It would end the same way again; the text is for the file's `last_error`.
    Deterministic(String),
    /// It may go better the next time; the text says how it ended.
    Chance(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    node: String,
    boot: String,
    deadline_ms: u64,
}

/// The right to work on a pending ingestion, until its lease passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    key: String,
    worker: Worker,
    deadline_ms: u64,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Go on.
    Granted(Attempt),
    /// Somebody else works on it; ask again at that time (milliseconds since the Unix epoch).
    Held {
        /// When the holder's lease passes.
        until_ms: u64,
    },
    /// No further attempt is worth it; the reason is for the file's `last_error`.
    Exhausted(String),
}

/// Claims the next attempt at some work on a store, which `work` names: an ingestion by its id.
/// Of several claims at once one is granted.
pub fn claim(
    objects: &dyn Objects,
    store: &str,
    work: &str,
    worker: &Worker,
    now_ms: u64,
    lost: Option<Lost>,
) -> Result<Claim, ApiError> {
    if let Some(Lost::Deterministic(reason)) = lost {
        return Ok(Claim::Exhausted(reason));
    }
    let attempts = objects.list_all(&folder(store, work))?;
    let number = attempts.len() as u32 + 1;
    if let Some(last) = attempts.last() {
        let record = read(objects, &last.key)?;
        let holder_is_gone =
            lost.is_some() || (record.node == worker.node && record.boot != worker.boot);
        if !holder_is_gone && record.deadline_ms > now_ms {
            return Ok(Claim::Held {
                until_ms: record.deadline_ms,
            });
        }
    }
    if number > MOST_ATTEMPTS {
        let how = match lost {
            Some(Lost::Chance(reason)) => reason,
            _ => "the server was stopped each time".to_owned(),
        };
        return Ok(Claim::Exhausted(format!(
            "Ingestion was tried {MOST_ATTEMPTS} times and never ended ({how}). Attach the file \
             again to start anew."
        )));
    }
    let attempt = Attempt {
        key: format!("{}{number:04}.json", folder(store, work)),
        worker: worker.clone(),
        deadline_ms: now_ms + LEASE_MS,
    };
    match objects.put_new(&attempt.key, &attempt.record()?) {
        Ok(()) => Ok(Claim::Granted(attempt)),
        Err(ObjectError::AlreadyExists) => Ok(Claim::Held {
            until_ms: now_ms + LEASE_MS,
        }),
        Err(error) => Err(error.into()),
    }
}

impl Attempt {
    /// Extends the lease once half of it has passed; cheap to call often.
    pub fn renew(&mut self, objects: &dyn Objects, now_ms: u64) -> Result<(), ApiError> {
        if self.deadline_ms > now_ms + LEASE_MS / 2 {
            return Ok(());
        }
        self.deadline_ms = now_ms + LEASE_MS;
        Ok(objects.put(&self.key, &self.record()?)?)
    }

    fn record(&self) -> Result<Vec<u8>, ApiError> {
        let record = Record {
            node: self.worker.node.clone(),
            boot: self.worker.boot.clone(),
            deadline_ms: self.deadline_ms,
        };
        serde_json::to_vec(&record)
            .map_err(|fault| ApiError::new(500, format!("The attempt cannot be written: {fault}.")))
    }
}

/// Removes the attempts at work that has ended.
pub fn forget(objects: &dyn Objects, store: &str, work: &str) -> Result<(), ApiError> {
    for meta in objects.list_all(&folder(store, work))? {
        objects.delete(&meta.key)?;
    }
    Ok(())
}

fn folder(store: &str, work: &str) -> String {
    format!("stores/{store}/attempts/{work}/")
}

fn read(objects: &dyn Objects, key: &str) -> Result<Record, ApiError> {
    serde_json::from_slice(&objects.get(key)?).map_err(|fault| {
        ApiError::new(500, format!("An attempt's record is damaged: {fault}."))
            .code("damaged_object")
    })
}
