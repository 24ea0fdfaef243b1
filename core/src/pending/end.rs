//! How an ingestion ended, decided once.

use serde::{Deserialize, Serialize};

use super::error::{parse, to_vec};
use super::{PendingError, Ticket};
use crate::home::Home;
use crate::objects::ObjectError;
use crate::platform::Platform;

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
    /// `server_error`, `rate_limit_exceeded`, `unsupported_file` or `invalid_file`, as OpenAI's; or where the
    /// embedder is at fault, the code of that.
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
    let mut decided = decide_all(platform, home, [ingest_id], &end)?.into_iter();
    decided
        .next()
        .map(|(_, end)| end)
        .ok_or(PendingError::Contended)
}

/// As [`decide`], several in one round of writes; answered with their ids, in order. After an error any of
/// them may have ended.
pub(super) fn decide_all<'a>(
    platform: Platform<'_>,
    home: &Home,
    ingest_ids: impl IntoIterator<Item = &'a str>,
    end: &End,
) -> Result<Vec<(&'a str, End)>, PendingError> {
    let ids: Vec<&str> = ingest_ids.into_iter().collect();
    let mark = |id: &&str| {
        let key = key(home, id);
        let data = to_vec(&key, end)?;
        Ok((key, data))
    };
    let marks = ids
        .iter()
        .map(mark)
        .collect::<Result<Vec<_>, PendingError>>()?;
    let answers = platform.objects.put_new_many(&marks);
    if answers.len() != ids.len() {
        return Err(PendingError::Contended);
    }
    let marks = marks.iter().map(|(key, _)| key);
    let decided = ids.into_iter().zip(marks).zip(answers);
    let decided = decided.map(|((id, key), answer)| match answer {
        Ok(()) => Ok((id, end.clone())),
        Err(ObjectError::AlreadyExists) => Ok((id, parse(key, &platform.objects.get(key)?)?)),
        Err(error) => Err(error.into()),
    });
    decided.collect()
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

/// How several ingestions ended; `None` of those that have not, or of which it cannot be told.
pub fn ends_of(
    platform: Platform<'_>,
    tickets: &[Ticket],
) -> Result<Vec<Option<End>>, PendingError> {
    let keys = tickets.iter().map(|one| key(&one.home(), &one.ingest_id));
    let parts: Vec<_> = keys.map(|key| (key, None)).collect();
    let mut answers = platform.objects.get_many(&parts).into_iter();
    let of_each = parts.iter().map(|(key, _)| match answers.next() {
        Some(Ok(data)) => Ok(parse(key, &data).ok()),
        None | Some(Err(ObjectError::NotFound)) => Ok(None),
        Some(Err(error)) => Err(error.into()),
    });
    of_each.collect()
}
