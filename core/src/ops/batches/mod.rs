//! Files that were attached to a store together, and what became of each.
//!
//! A batch is a list of ingestions, written down before they are accepted, and whether it was cancelled.
//! Where its members stand is not written down: the queue, the failures in sight and the store tell.

mod accept;
mod standing;

use serde::{Deserialize, Serialize};

use crate::home::Home;
use crate::ids;
use crate::objects::ObjectError;
use crate::pending::{self, PendingError, Ticket};
use crate::platform::Platform;

pub use accept::{Asked, accept};
pub use standing::{Standing, counts, page, standing, tickets};

/// Files that were attached together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// `vsfb_…`.
    pub id: String,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    /// Which ingestion brings which file, in the order of the files' ids.
    members: Vec<Member>,
    /// Whether it was cancelled before all of it had ended.
    #[serde(skip)]
    pub is_cancelled: bool,
}

/// An ingestion of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The file.
    pub file_id: String,
    ingest_id: String,
    filename: String,
}

/// A batch that was asked for, if there is one of that id in this life of the store.
///
/// # Errors
///
/// [`PendingError::Damaged`] where its record is not what was written, and what the storage answers.
pub fn read(platform: Platform<'_>, home: &Home, id: &str) -> Result<Option<Batch>, PendingError> {
    if !ids::is_batch_id(id) {
        return Ok(None);
    }
    let (record, mark) = (key(home, id), cancelled_key(home, id));
    let parts = [(record.clone(), None), (mark, None)];
    let answers = platform.objects.get_many(&parts);
    let [found, mark] = <[_; 2]>::try_from(answers).map_err(|_| PendingError::Contended)?;
    let batch: Batch = match found {
        Ok(found) => pending::parse(&record, &found)?,
        Err(ObjectError::NotFound) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let is_cancelled = match mark {
        Ok(_) => true,
        Err(ObjectError::NotFound) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(Batch {
        is_cancelled,
        ..batch
    }))
}

/// Gives up what is under way of a batch. Answers those ingestions, for [`finish_detach`]; what they
/// brought before stays in the store.
///
/// [`finish_detach`]: super::finish_detach
pub fn cancel(
    platform: Platform<'_>,
    home: &Home,
    batch: &mut Batch,
) -> Result<Vec<Ticket>, PendingError> {
    let under_way = standing::under_way(platform, home, batch)?;
    if under_way.is_empty() {
        return Ok(under_way);
    }
    // First: a batch that says so and goes on is cancelled once more by whoever asked.
    let mark = (cancelled_key(home, &batch.id), b"{}".to_vec());
    platform.objects.create_missing(&[mark])?;
    batch.is_cancelled = true;
    pending::cancel_these(platform, home, &under_way)?;
    Ok(under_way)
}

fn key(home: &Home, id: &str) -> String {
    home.key(&format!("batches/{id}.json"))
}

fn cancelled_key(home: &Home, id: &str) -> String {
    home.key(&format!("batches/{id}.cancelled"))
}
