//! Where the members of a batch stand.

use std::collections::{BTreeMap, BTreeSet};

use super::{Batch, Member};
use crate::chunk::ChunkingStrategy;
use crate::home::Home;
use crate::ops::counts::{ASKED, Open};
use crate::ops::listing::same_life;
use crate::ops::{Counts, Listed, Wanted, look};
use crate::pending::{self, Pending, PendingError, Status, Ticket};
use crate::platform::Platform;
use crate::store::{self, FileEntry};

/// Where a member stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It is accepted, and has not ended.
    UnderWay(Ticket),
    /// Its failure is in sight.
    Failed(Ticket),
    /// The store has the file.
    Completed(FileEntry),
    /// Nothing tells of it: it was cancelled, or the file was taken out since.
    Gone,
}

impl Standing {
    /// As OpenAI names it.
    pub fn status(&self) -> Status {
        match self {
            Self::UnderWay(_) => Status::InProgress,
            Self::Failed(_) => Status::Failed,
            Self::Completed(_) => Status::Completed,
            Self::Gone => Status::Cancelled,
        }
    }
}

/// How many members stand where.
pub fn counts(standings: &[(&Member, Standing)]) -> Counts {
    let mut counts = Counts::default();
    for (_, standing) in standings {
        match standing {
            Standing::UnderWay(_) => counts.in_progress += 1,
            Standing::Failed(_) => counts.failed += 1,
            Standing::Completed(_) => counts.completed += 1,
            Standing::Gone => counts.cancelled += 1,
        }
    }
    counts
}

/// Where each member stands, in the order of the files' ids. Reads the names of what is under way or failed
/// of these files, and the entries of those that are neither.
///
/// # Errors
///
/// [`NoSuchStore`](crate::store::StoreError::NoSuchStore) where this life of the store is over, and what the storage answers.
pub fn standing<'a>(
    platform: Platform<'_>,
    home: &Home,
    batch: &'a Batch,
) -> Result<Vec<(&'a Member, Standing)>, PendingError> {
    // What is under way first: its record goes after the commit, and after its failure is noted.
    // Of a cancelled batch all have ended at once, and their records go one after the other.
    let asked = match batch.is_cancelled {
        true => usize::MAX,
        false => ASKED,
    };
    let open = open(platform, home, batch, asked)?;
    let under_way: BTreeSet<Ticket> = open.under_way.into_iter().collect();
    let noted = pending::failed_of_files(platform, home, &batch.file_ids())?;
    let mut failed: BTreeSet<Ticket> = noted.into_iter().collect();
    failed.extend(open.failed);
    let is_neither = |member: &&Member| {
        let ticket = member.ticket(home);
        !under_way.contains(&ticket) && !failed.contains(&ticket)
    };
    let rest = batch.members.iter().filter(is_neither);
    let rest: Vec<&str> = rest.map(|member| member.file_id.as_str()).collect();
    let mut entries = entries(platform, home, &rest)?;
    let of = |member: &'a Member| {
        let ticket = member.ticket(home);
        let standing = match entries.remove(&member.file_id) {
            Some(entry) => Standing::Completed(entry),
            None if under_way.contains(&ticket) => Standing::UnderWay(ticket),
            None if failed.contains(&ticket) => Standing::Failed(ticket),
            None => Standing::Gone,
        };
        (member, standing)
    };
    Ok(batch.members.iter().map(of).collect())
}

/// Those members that have not ended, each of which is asked.
pub(super) fn under_way(
    platform: Platform<'_>,
    home: &Home,
    batch: &Batch,
) -> Result<Vec<Ticket>, PendingError> {
    Ok(open(platform, home, batch, usize::MAX)?.under_way)
}

fn open(
    platform: Platform<'_>,
    home: &Home,
    batch: &Batch,
    asked: usize,
) -> Result<Open, PendingError> {
    Open::among(platform, tickets(platform, home, batch)?, asked)
}

/// Those members that have a record, so have not ended or have only just.
pub fn tickets(
    platform: Platform<'_>,
    home: &Home,
    batch: &Batch,
) -> Result<Vec<Ticket>, PendingError> {
    let own: BTreeSet<Ticket> = batch.members.iter().map(|one| one.ticket(home)).collect();
    let mut tickets = pending::tickets_of_files(platform.objects, home, &batch.file_ids())?;
    tickets.retain(|ticket| own.contains(ticket));
    Ok(tickets)
}

fn entries(
    platform: Platform<'_>,
    home: &Home,
    file_ids: &[&str],
) -> Result<BTreeMap<String, FileEntry>, PendingError> {
    if file_ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let manifest = same_life(platform, home)?;
    Ok(store::find_many(platform, &manifest, file_ids)?)
}

/// A page of a batch's files, in the order of their ids, and whether there are more.
///
/// # Errors
///
/// As of [`standing`].
pub fn page(
    platform: Platform<'_>,
    home: &Home,
    batch: &Batch,
    wanted: &Wanted<'_>,
) -> Result<(Vec<Listed>, bool), PendingError> {
    let mut members = standing(platform, home, batch)?;
    members.retain(|(member, standing)| {
        let id = member.file_id.as_str();
        wanted.after.is_none_or(|after| id > after)
            && wanted.before.is_none_or(|before| id < before)
            && wanted
                .status
                .is_none_or(|status| standing.status() == status)
    });
    if !wanted.ascending {
        members.reverse();
    }
    let has_more = members.len() > wanted.limit;
    members.truncate(wanted.limit);
    let told = members
        .into_iter()
        .map(|(member, standing)| tell(platform, home, batch, member, standing));
    Ok((told.collect::<Result<_, _>>()?, has_more))
}

/// A member with all that is known of it.
fn tell(
    platform: Platform<'_>,
    home: &Home,
    batch: &Batch,
    member: &Member,
    standing: Standing,
) -> Result<Listed, PendingError> {
    let known = match standing {
        Standing::Completed(entry) => return Ok(Listed::Completed(entry)),
        Standing::UnderWay(ticket) => pending::read(platform, &ticket)?,
        Standing::Failed(ticket) => pending::read_failed(platform, home, &ticket)?,
        Standing::Gone => return Ok(Listed::Pending(member.cancelled(batch))),
    };
    if let Some(known) = known {
        return Ok(Listed::Pending(known));
    }
    // It has ended meanwhile, or its failure is not noted yet.
    let found = look(platform, home, &member.file_id)?;
    Ok(found.unwrap_or_else(|| Listed::Pending(member.cancelled(batch))))
}

impl Batch {
    fn file_ids(&self) -> BTreeSet<&str> {
        let ids = self.members.iter().map(|member| member.file_id.as_str());
        ids.collect()
    }
}

impl Member {
    fn ticket(&self, home: &Home) -> Ticket {
        Ticket::new(home, &self.file_id, &self.ingest_id)
    }

    fn cancelled(&self, batch: &Batch) -> Pending {
        Pending {
            file_id: self.file_id.clone(),
            filename: self.filename.clone(),
            ingest_id: self.ingest_id.clone(),
            created_at: batch.created_at,
            attributes: BTreeMap::new(),
            chunking: ChunkingStrategy::Auto,
            earlier: Vec::new(),
            status: Status::Cancelled,
            last_error: None,
        }
    }
}
