//! Failures that are in sight.

use std::collections::BTreeSet;

use super::error::{parse, to_vec};
use super::{End, Pending, PendingError, Ticket, end, ticket};
use crate::home::Home;
use crate::mutants::{Mutant, active};
use crate::objects::{ObjectError, ObjectMeta};
use crate::platform::Platform;

fn folder(home: &Home) -> String {
    home.key("failed/")
}

/// Where it is kept that an ingestion failed.
pub fn key(home: &Home, file_id: &str, ingest_id: &str) -> String {
    format!("{}{file_id}/{ingest_id}.json", folder(home))
}

/// Keeps in sight that an ingestion failed.
pub(super) fn note(
    platform: Platform<'_>,
    home: &Home,
    failed: &Pending,
) -> Result<(), PendingError> {
    let key = key(home, &failed.file_id, &failed.ingest_id);
    Ok(platform.objects.put(&key, &to_vec(&key, failed)?)?)
}

/// Takes back what [`note`] said, if it did.
pub(super) fn take_back(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
) -> Result<(), PendingError> {
    let key = key(home, &ticket.file_id, &ticket.ingest_id);
    Ok(platform.objects.delete(&key)?)
}

/// All failed ingestions of a store that are noted, by file.
pub fn all_noted(platform: Platform<'_>, home: &Home) -> Result<Vec<Ticket>, PendingError> {
    let listed = platform.objects.list_all(&folder(home))?;
    Ok(parsed(home, &listed))
}

/// Those of one file.
pub(super) fn noted_of_file(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Vec<Ticket>, PendingError> {
    let prefix = format!("{}{file_id}/", folder(home));
    let listed = platform.objects.list_all(&prefix)?;
    Ok(parsed(home, &listed))
}

/// Those of several files; whatever else failed costs nothing.
pub fn noted_of_files(
    platform: Platform<'_>,
    home: &Home,
    file_ids: &BTreeSet<&str>,
) -> Result<Vec<Ticket>, PendingError> {
    let listed = platform.objects.list_each(&folder(home), file_ids)?;
    Ok(parsed(home, &listed))
}

fn parsed(home: &Home, listed: &[ObjectMeta]) -> Vec<Ticket> {
    let folder = folder(home);
    let ticket_of = |key: &str| {
        let (file_id, ingest_id) = key.strip_prefix(&folder)?.split_once('/')?;
        Some(Ticket::new(home, file_id, ingest_id.strip_suffix(".json")?))
    };
    let tickets = listed.iter().filter_map(|meta| ticket_of(&meta.key));
    tickets.collect()
}

/// The newest failed ingestion of a file, if there is one.
pub fn of_file(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Option<Pending>, PendingError> {
    for ticket in noted_of_file(platform, home, file_id)?.iter().rev() {
        if let Some(failed) = read(platform, home, ticket)? {
            return Ok(Some(failed));
        }
    }
    Ok(None)
}

/// A failed ingestion that is noted; `None` where it is no more, or was dismissed.
pub fn read(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
) -> Result<Option<Pending>, PendingError> {
    // One that was dismissed may be noted late, by who died before taking it back.
    if !is_told(platform, home, &ticket.ingest_id)? {
        return Ok(None);
    }
    let key = key(home, &ticket.file_id, &ticket.ingest_id);
    match platform.objects.get(&key) {
        Ok(data) => parse(&key, &data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a failure that is noted is one, as far as its end is remembered.
pub(super) fn is_told(
    platform: Platform<'_>,
    home: &Home,
    ingest_id: &str,
) -> Result<bool, PendingError> {
    if active(Mutant::LateFailure) {
        return Ok(true);
    }
    let end = end::ended(platform, home, ingest_id)?;
    Ok(matches!(end, None | Some(End::Failed { .. })))
}

/// Lets go of a file's failures, whichever they are now; answers whether there were any.
pub fn forget_all(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<bool, PendingError> {
    let ids = all_of_file(platform, home, file_id)?;
    forget(platform, home, file_id, &ids)?;
    Ok(!ids.is_empty())
}

/// Lets go of the failures that an ingestion takes the place of: those that were known when it was
/// accepted, and any that is older by its id. The newest failure of a file is never among them,
/// however late this is.
///
/// Nothing is done where the ingestion's end is not `as_of` any more: then another has done it, and the
/// failures that are found may be of what was attached since, by a host whose clock is behind.
pub(super) fn forget_earlier(
    platform: Platform<'_>,
    home: &Home,
    pending: &Pending,
    as_of: Option<&End>,
) -> Result<(), PendingError> {
    let file_id = &pending.file_id;
    let mut ids = all_of_file(platform, home, file_id)?;
    ids.retain(|id| *id < pending.ingest_id);
    ids.extend(pending.earlier.iter().cloned());
    ids.sort_unstable();
    ids.dedup();
    // In this order: what is attached after the record is gone has failed after the end was changed.
    if ids.is_empty() || end::ended(platform, home, &pending.ingest_id)?.as_ref() != as_of {
        return Ok(());
    }
    forget(platform, home, file_id, &ids)
}

/// The failed ingestions of a file, whether or not that is noted yet.
pub(super) fn all_of_file(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Vec<String>, PendingError> {
    let mut ids = Vec::new();
    for ticket in ticket::of_file(platform.objects, home, file_id)? {
        let ended = end::ended(platform, home, &ticket.ingest_id)?;
        if matches!(ended, Some(End::Failed { .. })) && !active(Mutant::LateFailure) {
            ids.push(ticket.ingest_id);
        }
    }
    // After the records: a failure is noted before its record goes.
    let noted = noted_of_file(platform, home, file_id)?;
    ids.extend(noted.into_iter().map(|ticket| ticket.ingest_id));
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn forget(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    ingest_ids: &[String],
) -> Result<(), PendingError> {
    let mut keys = Vec::with_capacity(ingest_ids.len());
    for ingest_id in ingest_ids {
        end::correct(platform, home, ingest_id, &End::Untold)?;
        keys.push(key(home, file_id, ingest_id));
    }
    Ok(platform.objects.delete_many(&keys)?)
}

/// Removes those of these failures that nobody wants to hear of and that were noted all the same.
pub(super) fn remove_dismissed(
    platform: Platform<'_>,
    home: &Home,
    ingest_ids: &[String],
) -> Result<(), PendingError> {
    let mut keys = Vec::new();
    for noted in all_noted(platform, home)? {
        if ingest_ids.contains(&noted.ingest_id) && !is_told(platform, home, &noted.ingest_id)? {
            keys.push(key(home, &noted.file_id, &noted.ingest_id));
        }
    }
    Ok(platform.objects.delete_many(&keys)?)
}
