//! Who works on something, leased for a time. Attempts save work, and decide nothing.

use serde::{Deserialize, Serialize};

use super::PendingError;
use super::error::{parse, to_vec};
use crate::home::Home;
use crate::objects::{ObjectError, Objects};
use crate::platform::Worker;

/// How long an attempt is held without being renewed, in milliseconds.
pub const LEASE_MS: u64 = 60_000;

/// After so many attempts that ended without a word the file has failed.
const MOST_ATTEMPTS: u32 = 5;

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
    /// How far the work had come when it was claimed.
    #[serde(default)]
    progress: u32,
    /// Attempts before it that came no further, one after the other.
    #[serde(default)]
    in_vain: u32,
    /// When the first of the attempts failed that came no further and that nothing but failures of others
    /// ended, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing_since_ms: Option<u64>,
    #[serde(default)]
    end: Option<End>,
}

/// How the holder itself ended an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum End {
    /// It came as far as it was to.
    Step,
    /// What it depends on failed; the text says how.
    Failure(String),
}

/// The right to work on a pending ingestion, until its lease passes.
#[derive(Debug, Clone)]
pub struct Attempt {
    folder: String,
    number: u32,
    /// Whether the attempt before ended without a word, so that its holder may still be at work.
    succeeds_lost: bool,
    record: Record,
}

/// The answer to a claim.
#[derive(Debug, Clone)]
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

/// Where the attempts at an ingestion are.
pub(super) fn folder(home: &Home, ingest_id: &str) -> String {
    home.key(&format!("attempts/{ingest_id}/"))
}

/// Claims the next attempt at some work, whose attempts are kept in `folder` (which ends in `/`).
/// Of several claims at once one is granted.
///
/// `progress` grows as the work goes on. Attempts that end without an answer count only since it
/// last grew: work may take any number of attempts, and fails when too many end at one place.
pub fn claim(
    objects: &dyn Objects,
    folder: &str,
    worker: &Worker,
    now_ms: u64,
    lost: Option<Lost>,
    progress: u32,
) -> Result<Claim, PendingError> {
    let last = last(objects, folder)?;
    let record = last.as_ref().map(|(_, record)| record);
    if let Some(record) = record.filter(|record| record.end.is_none()) {
        let is_gone = lost.is_some() || (record.node == worker.node && record.boot != worker.boot);
        if !is_gone && record.deadline_ms > now_ms {
            return Ok(Claim::Held {
                until_ms: record.deadline_ms,
            });
        }
    }
    let in_vain = record.map_or(0, |record| record.in_vain_after(progress));
    if let Some(reason) = exhausted(record, in_vain, progress, lost) {
        return Ok(Claim::Exhausted(reason));
    }
    let attempt = Attempt {
        folder: folder.to_owned(),
        number: last.as_ref().map_or(0, |(number, _)| *number) + 1,
        succeeds_lost: record.is_some_and(|record| record.end.is_none()),
        record: Record {
            node: worker.node.clone(),
            boot: worker.boot.clone(),
            deadline_ms: now_ms + LEASE_MS,
            progress,
            in_vain,
            failing_since_ms: record
                .filter(|record| progress <= record.progress)
                .and_then(|record| record.failing_since_ms),
            end: None,
        },
    };
    match objects.put_new(
        &key(&attempt.folder, attempt.number),
        &attempt.record.data()?,
    ) {
        Ok(()) => Ok(Claim::Granted(attempt)),
        Err(ObjectError::AlreadyExists) => Ok(Claim::Held {
            until_ms: now_ms + LEASE_MS,
        }),
        Err(error) => Err(error.into()),
    }
}

/// Why no further attempt is worth it, if none is.
fn exhausted(
    last: Option<&Record>,
    in_vain: u32,
    progress: u32,
    lost: Option<Lost>,
) -> Option<String> {
    // An instance that died after its attempt had ended took nothing with it.
    let lost = lost.filter(|_| last.is_none_or(|record| record.end.is_none()));
    let stuck = last.is_none_or(|record| record.progress >= progress);
    let how = match (lost, last.and_then(|record| record.end.clone())) {
        (Some(Lost::Deterministic(reason)), _) if stuck => return Some(reason),
        _ if in_vain < MOST_ATTEMPTS => return None,
        (Some(Lost::Deterministic(reason) | Lost::Chance(reason)), _) => reason,
        // For how long that may go on is the holder's to say.
        (None, Some(End::Failure(_))) => return None,
        (None, _) => "the server was stopped each time".to_owned(),
    };
    Some(format!(
        "Ingestion was tried {MOST_ATTEMPTS} times and never ended ({how}). Attach the file \
         again to start anew."
    ))
}

impl Record {
    /// How many attempts, this one included, ended in vain when it is over.
    fn in_vain_after(&self, progress: u32) -> u32 {
        match (&self.end, progress > self.progress) {
            (Some(End::Step), _) => 0,
            (Some(End::Failure(_)), false) => self.in_vain,
            (_, true) => 1,
            (_, false) => self.in_vain + 1,
        }
    }

    fn data(&self) -> Result<Vec<u8>, PendingError> {
        to_vec("attempt", self)
    }
}

impl Attempt {
    /// Its place among the attempts at this work, from 1.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The key of its record.
    pub fn key(&self) -> String {
        key(&self.folder, self.number)
    }

    /// Whether the holder of the attempt before was given up, and may still be at work.
    pub fn succeeds_lost(&self) -> bool {
        self.succeeds_lost
    }

    /// Extends the lease once half of it has passed; cheap to call often. False when another
    /// attempt was granted meanwhile, and this one has to stop.
    pub fn renew(&mut self, objects: &dyn Objects, now_ms: u64) -> Result<bool, PendingError> {
        if self.record.deadline_ms > now_ms + LEASE_MS / 2 {
            return Ok(true);
        }
        if objects.exists(&key(&self.folder, self.number + 1))? {
            return Ok(false);
        }
        self.record.deadline_ms = now_ms + LEASE_MS;
        objects.put(&key(&self.folder, self.number), &self.record.data()?)?;
        Ok(true)
    }

    /// Ends the attempt as far as it came, so that the next one is granted at once.
    pub fn release(self, objects: &dyn Objects) -> Result<(), PendingError> {
        self.end(objects, End::Step)
    }

    /// Notes that it fails of others at that time; answers since when attempts that came no further do, both in
    /// milliseconds since the Unix epoch.
    pub fn failing_at(&mut self, now_ms: u64) -> u64 {
        *self.record.failing_since_ms.get_or_insert(now_ms)
    }

    /// Ends the attempt because of something that may pass; the text says of what. It counts for nothing.
    pub fn give_up(self, objects: &dyn Objects, reason: &str) -> Result<(), PendingError> {
        self.end(objects, End::Failure(reason.to_owned()))
    }

    fn end(mut self, objects: &dyn Objects, end: End) -> Result<(), PendingError> {
        self.record.end = Some(end);
        Ok(objects.put(&key(&self.folder, self.number), &self.record.data()?)?)
    }
}

/// Removes the attempts at work that has ended.
pub fn forget(objects: &dyn Objects, folder: &str) -> Result<(), PendingError> {
    Ok(objects.delete_all(folder)?)
}

fn key(folder: &str, number: u32) -> String {
    format!("{folder}{number:08}.json")
}

/// The last attempt, and its number.
fn last(objects: &dyn Objects, folder: &str) -> Result<Option<(u32, Record)>, PendingError> {
    let number_of =
        |key: &str| -> Option<u32> { key.rsplit_once('/')?.1.strip_suffix(".json")?.parse().ok() };
    let attempts = objects.list_all(folder)?;
    let numbered = attempts
        .iter()
        .filter_map(|meta| Some((number_of(&meta.key)?, &meta.key)));
    let Some((number, key)) = numbered.max_by_key(|(number, _)| *number) else {
        return Ok(None);
    };
    let record = parse(key, &objects.get(key)?)?;
    Ok(Some((number, record)))
}
