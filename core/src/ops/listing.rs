//! A store's files, however far they came.

use std::collections::{BTreeMap, BTreeSet};

use crate::home::Home;
use crate::mutants::{Mutant, active};
use crate::pending::{self, End, Pending, PendingError, Status, Ticket};
use crate::platform::Platform;
use crate::store::runs::{Bounds, Direction};
use crate::store::{self, FileEntry, Files, Manifest, StoreError};

/// A file of a store, however far it came.
#[derive(Debug, Clone, PartialEq)]
pub enum Listed {
    /// It is searchable.
    Completed(FileEntry),
    /// It is not, or not yet, or not in this new way.
    Pending(Pending),
}

/// Which files are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Only those with greater ids, whether or not there is a file with that one.
    pub after: Option<&'a str>,
    /// Only those with smaller ids.
    pub before: Option<&'a str>,
    /// By their ids, so by the time of their upload: ascending or descending.
    pub ascending: bool,
    /// The most.
    pub limit: usize,
    /// Only those that stand there.
    pub status: Option<Status>,
}

impl Listed {
    /// The file's id.
    pub fn file_id(&self) -> &str {
        match self {
            Self::Completed(file) => &file.file_id,
            Self::Pending(pending) => &pending.file_id,
        }
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        match self {
            Self::Completed(_) => Status::Completed,
            Self::Pending(pending) => pending.status,
        }
    }
}

/// What is under way or failed, by file, before the store's files are read: an ingestion's record
/// goes after its commit, so one of the two always tells.
struct Open {
    tickets: BTreeMap<String, Ticket>,
    failed: BTreeSet<String>,
}

impl Open {
    fn of(platform: Platform<'_>, home: &Home) -> Result<Self, PendingError> {
        let tickets = pending::all_tickets(platform.objects, home)?;
        let failed = pending::all_failed(platform, home)?;
        // One that had failed may have been attached again before its failure was looked for.
        let since = pending::all_tickets(platform.objects, home)?;
        Ok(Self {
            // Of several of one file the newest stays: they come by their age.
            tickets: tickets
                .into_iter()
                .chain(since)
                .map(|ticket| (ticket.file_id.clone(), ticket))
                .collect(),
            failed: failed.into_iter().map(|ticket| ticket.file_id).collect(),
        })
    }

    fn ids(&self, wanted: &Wanted<'_>) -> Vec<String> {
        let is_within = |id: &&String| {
            wanted.after.is_none_or(|after| id.as_str() > after)
                && wanted.before.is_none_or(|before| id.as_str() < before)
        };
        let all = self.tickets.keys().chain(&self.failed);
        let mut ids: Vec<String> = all.filter(is_within).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        if !wanted.ascending {
            ids.reverse();
        }
        ids
    }

    /// What became of a file that is under way or failed; `None` where only the store tells.
    fn state(
        &self,
        platform: Platform<'_>,
        home: &Home,
        id: &str,
    ) -> Result<Option<Pending>, PendingError> {
        if let Some(ticket) = self.tickets.get(id)
            && let Some(pending) = open_state(platform, home, ticket)?
        {
            return Ok(Some(pending));
        }
        match self.failed.contains(id) {
            true => pending::failed_of(platform, home, id),
            false => Ok(None),
        }
    }
}

/// An ingestion whose record is there; `None` where it is committed or cancelled.
fn open_state(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
) -> Result<Option<Pending>, PendingError> {
    let Some(pending) = pending::read(platform, ticket)? else {
        return Ok(None);
    };
    Ok(match pending::ended(platform, home, &ticket.ingest_id)? {
        None => Some(pending),
        Some(End::Failed { error }) => Some(Pending {
            status: Status::Failed,
            last_error: Some(error),
            ..pending
        }),
        Some(End::Completed | End::Cancelled | End::Untold) => None,
    })
}

/// A page of a store's files, in the order of their ids, and whether there are more. Whatever was
/// acknowledged before is in it.
///
/// Reads what the page needs of the store, and the names of what is under way.
pub fn files_of(
    platform: Platform<'_>,
    home: &Home,
    wanted: &Wanted<'_>,
) -> Result<(Vec<Listed>, bool), PendingError> {
    let early = match active(Mutant::ManifestBeforeQueue) {
        true => Some(same_life(platform, home)?),
        false => None,
    };
    let open = Open::of(platform, home)?;
    let manifest = match early {
        Some(manifest) => manifest,
        None => same_life(platform, home)?,
    };
    let direction = match wanted.ascending {
        true => Direction::Ascending,
        false => Direction::Descending,
    };
    let bounds = Bounds {
        after: wanted.after,
        before: wanted.before,
    };
    let mut committed = Files::of(platform, &manifest, home, bounds, direction)?;
    let mut next_committed = committed.next().transpose()?;
    let mut ids = open.ids(wanted).into_iter().peekable();
    let mut page: Vec<Listed> = Vec::new();
    while page.len() <= wanted.limit {
        let is_open = match (ids.peek(), &next_committed) {
            (None, None) => break,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(id), Some(file)) => *id == file.file_id || direction.precedes(id, &file.file_id),
        };
        let mut listed = None;
        if is_open && let Some(id) = ids.next() {
            listed = open.state(platform, home, &id)?.map(Listed::Pending);
            let is_same = next_committed
                .as_ref()
                .is_some_and(|file| file.file_id == id);
            if !is_same {
                // Its record went after the version was read: then a newer one tells, or its failure.
                let listed = match listed {
                    None => look(platform, home, &id)?,
                    listed => listed,
                };
                push(&mut page, listed, wanted);
                continue;
            }
        }
        let file = std::mem::replace(&mut next_committed, committed.next().transpose()?);
        push(&mut page, listed.or(file.map(Listed::Completed)), wanted);
    }
    let has_more = page.len() > wanted.limit;
    page.truncate(wanted.limit);
    Ok((page, has_more))
}

fn push(page: &mut Vec<Listed>, listed: Option<Listed>, wanted: &Wanted<'_>) {
    let is_wanted = |listed: &Listed| wanted.status.is_none_or(|status| listed.status() == status);
    page.extend(listed.filter(is_wanted));
}

/// Where a file of a store stands; `None` where the store knows nothing of it.
pub fn look(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Option<Listed>, PendingError> {
    look_in(platform, home, file_id, || same_life(platform, home))
}

/// As [`look`], for who has just read the store: reads it again only where it has changed since.
pub fn look_from(
    platform: Platform<'_>,
    known: &Manifest,
    file_id: &str,
) -> Result<Option<Listed>, PendingError> {
    let newest = || store::still(platform, known);
    look_in(platform, &known.home(), file_id, newest)
}

fn look_in(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    newest: impl FnOnce() -> Result<Manifest, StoreError>,
) -> Result<Option<Listed>, PendingError> {
    match look_once(platform, home, file_id, newest)? {
        // One that had failed may have been attached again before its failure was looked for.
        None => look_once(platform, home, file_id, || same_life(platform, home)),
        found => Ok(found),
    }
}

fn look_once(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    newest: impl FnOnce() -> Result<Manifest, StoreError>,
) -> Result<Option<Listed>, PendingError> {
    // What is under way first: its record goes after the commit, so one of the two always tells.
    let tickets = pending::tickets_of(platform.objects, home, file_id)?;
    for ticket in tickets.iter().rev() {
        if let Some(pending) = open_state(platform, home, ticket)? {
            return Ok(Some(Listed::Pending(pending)));
        }
    }
    let manifest = newest()?;
    if let Some(failed) = pending::failed_of(platform, home, file_id)? {
        return Ok(Some(Listed::Pending(failed)));
    }
    let found = store::find(platform, &manifest, file_id)?;
    Ok(found.map(Listed::Completed))
}

/// The newest version of that life of a store.
pub(super) fn same_life(platform: Platform<'_>, home: &Home) -> Result<Manifest, StoreError> {
    let manifest = store::existing(platform, &home.store)?;
    match manifest.incarnation == home.incarnation {
        true => Ok(manifest),
        false => Err(StoreError::NoSuchStore(home.store.clone())),
    }
}
