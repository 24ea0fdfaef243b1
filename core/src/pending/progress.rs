//! How far an ingestion came. It saves work, and decides nothing.

use serde::{Deserialize, Serialize};

use super::PendingError;
use super::error::{parse as parse_at, to_vec};
use crate::chunk::Format;
use crate::home::Home;
use crate::ingest::Position;
use crate::objects::{ObjectError, Objects};
use crate::segment::SegmentMeta;

/// So many records are kept; an older one says nothing that they do not.
const KEPT: u64 = 2;
/// Each repetition means that another attempt recorded progress.
const MOST_READS: u32 = 16;

/// How far an ingestion came: all that the next attempt needs to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How the file's text is understood; `None` where it was not found out yet.
    pub format: Option<Format>,
    /// Where to read on.
    pub position: Position,
    /// Chunks before this number are in `segments`.
    pub chunks: u32,
    /// What was written and is not yet visible.
    pub segments: Vec<SegmentMeta>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    /// Who wrote it.
    attempt: u32,
    progress: Progress,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is the newest.
    Yes,
    /// Another attempt goes on, from it or from before it.
    Overtaken,
    /// The ingestion has ended, and its records are gone: with what, nobody can tell from here.
    Ended,
}

/// The linear history of an ingestion's progress.
///
/// Each record is created if absent, after the one that its writer knew: of two attempts that go
/// on from the same record one writes the next, and the other learns that it was overtaken. So
/// nothing is ever lost from the newest record but by the ingestion's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    folder: String,
    newest: u64,
    /// What the newest record says.
    pub progress: Progress,
}

impl Track {
    /// The progress of the ingestion `ingest_id` so far.
    pub fn read(objects: &dyn Objects, home: &Home, ingest_id: &str) -> Result<Self, PendingError> {
        Self::in_folder(objects, folder(home, ingest_id))
    }

    fn in_folder(objects: &dyn Objects, folder: String) -> Result<Self, PendingError> {
        for _ in 0..MOST_READS {
            let Some(newest) = newest(objects, &folder)? else {
                return Ok(Self {
                    folder,
                    newest: 0,
                    progress: Progress::default(),
                });
            };
            let key = key(&folder, newest);
            match objects.get(&key) {
                Ok(data) => {
                    return Ok(Self {
                        progress: parse_at::<Record>(&key, &data)?.progress,
                        newest,
                        folder,
                    });
                }
                // Newer ones were written, or the ingestion ended.
                Err(ObjectError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(contended())
    }

    /// Records that `attempt` came so far; `progress` adds to what is known here. Durable when it
    /// answers [`Recorded::Yes`].
    pub fn record(
        &mut self,
        objects: &dyn Objects,
        attempt: u32,
        progress: Progress,
    ) -> Result<Recorded, PendingError> {
        let record = Record { attempt, progress };
        let number = self.newest + 1;
        let own = key(&self.folder, number);
        let data = to_vec(&own, &record)?;
        let is_created = match objects.put_new(&own, &data) {
            Ok(()) => true,
            Err(ObjectError::AlreadyExists) => false,
            Err(error) => return Err(error.into()),
        };
        if is_created && newest(objects, &self.folder)?.is_none_or(|newest| newest <= number) {
            self.newest = number;
            self.progress = record.progress;
            self.prune(objects);
            return Ok(Recorded::Yes);
        }
        // Others went on from it, or its number was free only because it was pruned long ago. Each
        // record names all that those before it do, so the newest tells.
        let newest = Self::in_folder(objects, self.folder.clone())?;
        if newest.newest < number {
            return Ok(Recorded::Ended);
        }
        let segments = &newest.progress.segments;
        let is_heard = record.progress.segments.last();
        let is_heard = is_heard.is_some_and(|own| segments.contains(own));
        if is_created && newest.newest > number && !is_heard {
            objects.delete(&own)?;
        }
        Ok(Recorded::Overtaken)
    }

    /// Makes sure that no earlier attempt records anything after what is known here.
    ///
    /// Errors: [`PendingError::Held`] where the ingestion has ended meanwhile.
    pub fn fence(&mut self, objects: &dyn Objects, attempt: u32) -> Result<(), PendingError> {
        for _ in 0..MOST_READS {
            let known = self.progress.clone();
            match self.record(objects, attempt, known)? {
                Recorded::Yes => return Ok(()),
                Recorded::Overtaken => {}
                // What it recorded now would be its first record to whoever reads it.
                Recorded::Ended => return Err(PendingError::Held { retry_after_s: 1 }),
            }
            *self = Self::in_folder(objects, std::mem::take(&mut self.folder))?;
        }
        Err(contended())
    }

    /// The keys of the records that are kept.
    pub(super) fn keys(&self) -> Vec<String> {
        let oldest = self.newest.saturating_sub(KEPT - 1).max(1);
        (oldest..=self.newest)
            .map(|number| key(&self.folder, number))
            .collect()
    }

    fn prune(&self, objects: &dyn Objects) {
        let oldest_kept = self.newest.saturating_sub(KEPT - 1);
        // What cannot be removed now goes with a later record, or with the ingestion.
        let Ok(records) = objects.list_all(&self.folder) else {
            return;
        };
        let is_old = |key: &String| number_of(key).is_some_and(|number| number < oldest_kept);
        let old: Vec<String> = records
            .into_iter()
            .map(|meta| meta.key)
            .filter(is_old)
            .collect();
        let _ = objects.delete_many(&old);
    }
}

/// Removes the progress of an ingestion that has ended.
pub(super) fn forget(
    objects: &dyn Objects,
    home: &Home,
    ingest_id: &str,
) -> Result<(), PendingError> {
    Ok(objects.delete_all(&folder(home, ingest_id))?)
}

fn folder(home: &Home, ingest_id: &str) -> String {
    home.key(&format!("progress/{ingest_id}/"))
}

fn key(folder: &str, number: u64) -> String {
    format!("{folder}{number:08}.json")
}

fn number_of(key: &str) -> Option<u64> {
    key.rsplit_once('/')?.1.strip_suffix(".json")?.parse().ok()
}

fn newest(objects: &dyn Objects, folder: &str) -> Result<Option<u64>, PendingError> {
    let records = objects.list_all(folder)?;
    Ok(records.iter().filter_map(|meta| number_of(&meta.key)).max())
}

fn contended() -> PendingError {
    PendingError::Contended
}
