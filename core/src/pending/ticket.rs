//! Which ingestions there are, as the keys of their records say.

use std::collections::BTreeSet;

use super::PendingError;
use crate::home::{Home, QUEUE};
use crate::mutants::{Mutant, active};
use crate::objects::{ObjectMeta, Objects};

/// Which ingestion: what its record's key says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The store's id.
    pub store: String,
    /// The store's incarnation.
    pub incarnation: String,
    /// The file.
    pub file_id: String,
    /// The ingestion.
    pub ingest_id: String,
}

impl Ticket {
    /// Of an ingestion into a store.
    pub fn new(home: &Home, file_id: &str, ingest_id: &str) -> Self {
        Self {
            store: home.store.clone(),
            incarnation: home.incarnation.clone(),
            file_id: file_id.to_owned(),
            ingest_id: ingest_id.to_owned(),
        }
    }

    /// The key of the record.
    pub fn key(&self) -> String {
        let Self {
            store,
            incarnation,
            file_id,
            ingest_id,
        } = self;
        if active(Mutant::RecordByFileOnly) {
            return format!("{QUEUE}{store}/{incarnation}/{file_id}/0.json");
        }
        format!("{QUEUE}{store}/{incarnation}/{file_id}/{ingest_id}.json")
    }

    /// What a record's key says; `None` of any other.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.strip_prefix(QUEUE)?.strip_suffix(".json")?.split('/');
        let ticket = Self {
            store: parts.next()?.to_owned(),
            incarnation: parts.next()?.to_owned(),
            file_id: parts.next()?.to_owned(),
            ingest_id: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(ticket)
    }

    /// Where the store's objects are.
    pub fn home(&self) -> Home {
        Home::new(&self.store, &self.incarnation)
    }
}

/// All ingestions into a store that have not ended, by file and by their age, without reading any.
pub fn all(objects: &dyn Objects, home: &Home) -> Result<Vec<Ticket>, PendingError> {
    in_folder(objects, &home.queue())
}

/// As [`all`], of a store in any of its lives.
pub fn all_lives(objects: &dyn Objects, store: &str) -> Result<Vec<Ticket>, PendingError> {
    in_folder(objects, &format!("{QUEUE}{store}/"))
}

/// Those of one file, by their age.
pub fn of_file(
    objects: &dyn Objects,
    home: &Home,
    file_id: &str,
) -> Result<Vec<Ticket>, PendingError> {
    in_folder(objects, &format!("{}{file_id}/", home.queue()))
}

/// Those of several files, by file and by their age; whatever else waits costs nothing.
pub fn of_files(
    objects: &dyn Objects,
    home: &Home,
    file_ids: &BTreeSet<&str>,
) -> Result<Vec<Ticket>, PendingError> {
    Ok(parsed(&objects.list_each(&home.queue(), file_ids)?))
}

fn in_folder(objects: &dyn Objects, folder: &str) -> Result<Vec<Ticket>, PendingError> {
    Ok(parsed(&objects.list_all(folder)?))
}

fn parsed(listed: &[ObjectMeta]) -> Vec<Ticket> {
    let tickets = listed.iter().filter_map(|meta| Ticket::parse(&meta.key));
    tickets.collect()
}
