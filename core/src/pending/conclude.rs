use super::end::{self, End, LastError, decide, ended};
use super::queue::read;
use super::{Pending, PendingError, Status, Ticket, attempt, failed, progress};
use crate::objects::Objects;
use crate::platform::Platform;
use crate::store::{self, Home, Next, StoreError};

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
    match end {
        End::Failed { error } => {
            let noted = (!committed).then_some(error);
            end_failed(platform, home, ticket, noted)?;
        }
        End::Cancelled => end_cancelled(platform, home, ticket)?,
        End::Completed => {}
    }
    let folder = attempt::folder(home, ingest_id);
    attempt::forget(platform.objects, &folder)?;
    progress::forget(platform.objects, home, ingest_id)?;
    platform.objects.delete(&ticket.key())?;
    Ok(committed)
}

/// Removes what is left of cancelled ingestions.
pub fn bury(platform: Platform<'_>, home: &Home, cancelled: &[Ticket]) -> Result<(), PendingError> {
    for ticket in cancelled {
        conclude(platform, home, ticket, &End::Cancelled)?;
    }
    Ok(())
}

/// Ends the ingestion that a file's entry is of, where whoever committed it got no further. Who takes the
/// entry's place does this before: another attempt at it would not find its own entry any more, and
/// commit it once more, over all that came after it. Nothing is done where no entry is `replaced`.
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
    if let Some(pending) = read(platform, &ticket)?
        && ended(platform, home, ingest_id)?.is_none()
    {
        failed::forget_earlier(platform, home, &pending)?;
        decide(platform, home, ingest_id, End::Completed)?;
    }
    Ok(())
}

/// Takes back that it failed, and lets go of the failures before it: it has their place, also where it
/// came before somebody began to take it out, and whoever that was got no further.
fn end_cancelled(platform: Platform<'_>, home: &Home, ticket: &Ticket) -> Result<(), PendingError> {
    failed::take_back(platform, home, ticket)?;
    match read(platform, ticket)? {
        Some(pending) => failed::forget_earlier(platform, home, &pending),
        // Another did all of this.
        None => Ok(()),
    }
}

/// Notes the failure, if it is one, and lets go of those before it.
fn end_failed(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
    error: Option<&LastError>,
) -> Result<(), PendingError> {
    let Some(pending) = read(platform, ticket)? else {
        // Another did all of this.
        return Ok(());
    };
    if error.is_none() {
        // It came all the same. Its record may be created once more by a request that was sent twice, when
        // another has its entry's place: then it must not be said to have failed.
        end::correct(platform, home, &ticket.ingest_id, &End::Completed)?;
    }
    if let Some(error) = error
        && !note_failure(platform, home, ticket, &pending, error)?
    {
        // Another took its place, and knows what was before.
        return Ok(());
    }
    // Now its own tells, or the store: at no moment nothing does.
    failed::forget_earlier(platform, home, &pending)
}

/// Answers whether anybody wants to know.
fn note_failure(
    platform: Platform<'_>,
    home: &Home,
    ticket: &Ticket,
    pending: &Pending,
    error: &LastError,
) -> Result<bool, PendingError> {
    let failed = Pending {
        status: Status::Failed,
        last_error: Some(error.clone()),
        ..pending.clone()
    };
    failed::note(platform, home, &failed)?;
    // Whoever takes the file out, or attaches it again, dismisses its failures before it forgets
    // them: so one of the two sees the other.
    match ended(platform, home, &ticket.ingest_id)? {
        Some(End::Cancelled) => {
            failed::take_back(platform, home, ticket)?;
            Ok(false)
        }
        _ => Ok(true),
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
