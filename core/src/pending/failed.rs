//! Failures that are in sight.

use super::error::{parse, to_vec};
use super::{End, Pending, PendingError, Ticket, end, ticket};
use crate::home::Home;
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
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

/// The keys of all failed ingestions of a store, by file, with the file of each.
pub fn all(platform: Platform<'_>, home: &Home) -> Result<Vec<(String, String)>, PendingError> {
    let folder = folder(home);
    let listed = platform.objects.list_all(&folder)?;
    let file_of = |key: &str| -> Option<String> {
        Some(key.strip_prefix(&folder)?.split_once('/')?.0.to_owned())
    };
    Ok(listed
        .into_iter()
        .filter_map(|meta| Some((file_of(&meta.key)?, meta.key)))
        .collect())
}

/// The newest failed ingestion of a file, if there is one.
pub fn of_file(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Option<Pending>, PendingError> {
    for ingest_id in ids_of_file(platform, home, file_id)?.iter().rev() {
        // One that was dismissed may be noted late, by who died before taking it back.
        if !is_told(platform, home, ingest_id)? {
            continue;
        }
        let key = key(home, file_id, ingest_id);
        match platform.objects.get(&key) {
            Ok(data) => return parse(&key, &data).map(Some),
            Err(ObjectError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
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

/// The failed ingestions of a file that are in sight.
fn ids_of_file(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Vec<String>, PendingError> {
    let prefix = format!("{}{file_id}/", folder(home));
    let listed = platform.objects.list_all(&prefix)?;
    let id_of = |key: &str| Some(key.strip_prefix(&prefix)?.strip_suffix(".json")?.to_owned());
    Ok(listed
        .into_iter()
        .filter_map(|meta| id_of(&meta.key))
        .collect())
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
    ids.extend(ids_of_file(platform, home, file_id)?);
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
    for (_, key) in all(platform, home)? {
        let own = ingest_ids
            .iter()
            .find(|id| key.ends_with(&format!("/{id}.json")));
        if let Some(id) = own
            && !is_told(platform, home, id)?
        {
            keys.push(key);
        }
    }
    Ok(platform.objects.delete_many(&keys)?)
}
