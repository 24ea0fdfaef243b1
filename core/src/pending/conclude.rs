//! What is done when an ingestion has ended. That it has is decided in `end`.

use super::end::{self, End, LastError, decide, ended};
use super::queue::read;
use super::{Pending, PendingError, Status, Ticket, attempt, failed, progress};
use crate::home::Home;
use crate::objects::Objects;
use crate::platform::Platform;
use crate::store::{self, Next, StoreError};

/// What the names of all segments begin with that an ingestion writes.
pub fn segment_prefix(ingest_id: &str) -> String {
    format!("seg-{ingest_id}-")
}

/// Removes what is left of an ingestion that has ended: its attempts, its progress, all of its
/// segments that no version of the store names, and its record. Answers whether it is committed.
///
/// The caller has made sure that its end mark is there, so nobody begins to commit it any more. A
/// commit that looked before that and is still under way finds a newer version in its way, which
/// this makes where it has to; so what is removed here can never be committed later. Doing it again
/// changes nothing; the record goes last, so where this is cut short somebody does it again.
pub fn conclude(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
    end: &End,
) -> Result<bool, PendingError> {
    let ingest_id = &ticket.ingest_id;
    let written = written(platform.objects, home, ingest_id)?;
    // A file without rows has no segments, and may be committed late all the same.
    let committed = match written.is_empty() && *end == End::Completed {
        true => false,
        false => remove_unnamed(platform, home, ticket, &written)?,
    };
    settle(platform, home, ticket, end.clone(), committed)?;
    let folder = attempt::folder(home, ingest_id);
    attempt::forget(platform.objects, &folder)?;
    progress::forget(platform.objects, home, ingest_id)?;
    platform.objects.delete(&ticket.key())?;
    Ok(committed)
}

/// Removes what is left of cancelled ingestions.
pub fn bury(platform: Platform<'_>, home: &Home, cancelled: &[Ticket]) -> Result<(), PendingError> {
    for ticket in cancelled {
        // It may have been completed before, or dismissed since.
        let end = ended(platform, home, &ticket.ingest_id)?.unwrap_or(End::Cancelled);
        conclude(platform, home, ticket, &end)?;
    }
    Ok(())
}

/// Tells how an ingestion ended where that is to be told, and lets go of the failures before it, until
/// nobody changes its end meanwhile: its record goes after this, and with it what this needs to know.
fn settle(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
    mut end: End,
    is_committed: bool,
) -> Result<(), PendingError> {
    loop {
        match &end {
            End::Completed => return Ok(()),
            // Its failure may have been noted all the same, by who was slow.
            End::Untold => return failed::take_back(platform, home, ticket),
            End::Cancelled => end_cancelled(platform, home, ticket)?,
            End::Failed { error } => end_failed(platform, home, ticket, error, is_committed)?,
        }
        match ended(platform, home, &ticket.ingest_id)? {
            Some(other) if other != end => end = other,
            _ => return Ok(()),
        }
    }
}

/// Ends the ingestion that a file's entry is of, where whoever committed it got no further. Who takes the
/// entry's place does this before: another attempt at it would not find its own entry any more, and
/// commit it once more, over all that came after it, or say that it failed. Nothing is done where no entry
/// is `replaced`.
pub(crate) fn end_replaced(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    replaced: Option<&str>,
) -> Result<(), PendingError> {
    let Some(ingest_id) = replaced else {
        return Ok(());
    };
    let ticket = Ticket::new(home, file_id, ingest_id);
    // Where the record is gone, it has ended.
    let Some(pending) = read(platform, &ticket)? else {
        return Ok(());
    };
    match ended(platform, home, ingest_id)? {
        None => {
            failed::forget_earlier(platform, home, &pending, None)?;
            match decide(platform, home, ingest_id, End::Completed)? {
                End::Failed { .. } => end::correct(platform, home, ingest_id, &End::Completed),
                _ => Ok(()),
            }
        }
        Some(given_up @ End::Failed { .. }) => {
            failed::forget_earlier(platform, home, &pending, Some(&given_up))?;
            end::correct(platform, home, ingest_id, &End::Completed)
        }
        Some(_) => Ok(()),
    }
}

/// Takes back that it failed, and lets go of the failures before it: it has their place, also where it
/// came before somebody began to take it out, and whoever that was got no further.
fn end_cancelled(platform: Platform<'_>, home: &Home, ticket: &Ticket) -> Result<(), PendingError> {
    failed::take_back(platform, home, ticket)?;
    // Where it is gone, another did all of this.
    let Some(pending) = read(platform, ticket)? else {
        return Ok(());
    };
    failed::forget_earlier(platform, home, &pending, Some(&End::Cancelled))?;
    // Its record may be created once more, when others have failed that nobody has told of it.
    end::correct(platform, home, &ticket.ingest_id, &End::Untold)
}

/// Notes the failure, if it is one, and lets go of those before it.
fn end_failed(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
    error: &LastError,
    is_committed: bool,
) -> Result<(), PendingError> {
    // Where it is gone, another did all of this.
    let Some(pending) = read(platform, ticket)? else {
        return Ok(());
    };
    if !is_committed {
        note_failure(platform, home, ticket, &pending, error)?;
    }
    let end = End::Failed {
        error: error.clone(),
    };
    // Now its own tells, or the store: at no moment nothing does.
    failed::forget_earlier(platform, home, &pending, Some(&end))?;
    match is_committed {
        // It came all the same, and is said to: also where its record is created once more, and another
        // has its entry's place. After the failures before it are gone: nobody looks for them again.
        true => end::correct(platform, home, &ticket.ingest_id, &End::Completed),
        false => Ok(()),
    }
}

fn note_failure(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
    pending: &Pending,
    error: &LastError,
) -> Result<(), PendingError> {
    let failed = Pending {
        status: Status::Failed,
        last_error: Some(error.clone()),
        ..pending.clone()
    };
    failed::note(platform, home, &failed)?;
    // Whoever takes the file out, attaches it again or takes the place of its entry says so before he
    // forgets the failure: so one of the two sees the other.
    match failed::is_told(platform, home, &ticket.ingest_id)? {
        true => Ok(()),
        false => failed::take_back(platform, home, ticket),
    }
}

/// The keys of an ingestion's segments.
fn written(
    objects: &dyn Objects,
    home: &Home,
    ingest_id: &str,
) -> Result<Vec<String>, PendingError> {
    let prefix = home.key(&format!("segments/{}", segment_prefix(ingest_id)));
    let metas = objects.list_all(&prefix)?;
    Ok(metas.into_iter().map(|meta| meta.key).collect())
}

/// Removes those that the store does not name after all commits that were under way have ended.
/// Answers whether the ingestion is committed.
fn remove_unnamed(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
    written: &[String],
) -> Result<bool, PendingError> {
    let mut committed = false;
    let fenced = store::change(platform, &home.store, |newest| {
        if newest.incarnation != home.incarnation {
            return Err(StoreError::NoSuchStore(home.store.clone()));
        }
        let (file, ingest) = (&ticket.file_id, &ticket.ingest_id);
        committed = store::is_committed(platform, newest, file, ingest)?;
        Ok((!committed).then(|| Next::upkeep(newest.clone())))
    });
    let newest = match fenced {
        Ok(newest) => Some(newest),
        // It was deleted, which is for ever: nothing of it is named.
        Err(StoreError::NoSuchStore(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let named = newest.as_ref().map(store::named).unwrap_or_default();
    let mut doomed = written.to_vec();
    doomed.retain(|key| !named.contains(key));
    if let (Some(newest), false) = (&newest, doomed.is_empty()) {
        let waiting = store::waiting_garbage(platform, newest)?;
        doomed.retain(|key| !waiting.contains(key));
    }
    platform.objects.delete_many(&doomed)?;
    Ok(committed)
}
