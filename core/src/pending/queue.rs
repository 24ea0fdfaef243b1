//! Accepting ingestions, giving them up, and asking whether they are wanted.

use super::end::{self, End};
use super::error::{parse, to_vec};
use super::record::Pending;
use super::ticket::{self, Ticket};
use super::{PendingError, failed};
use crate::files;
use crate::home::Home;
use crate::mutants::{Mutant, active};
use crate::objects::ObjectError;
use crate::platform::Platform;

/// Accepts an ingestion durably, as of now: from here on it ends `completed`, `failed` or
/// `cancelled`.
pub fn accept(
    platform: Platform<'_>,
    home: &Home,
    asked: Pending,
) -> Result<Pending, PendingError> {
    let objects = platform.objects;
    // Whoever deletes the file takes it out of the stores that are noted by then.
    files::note_store(objects, &asked.file_id, &home.store)?;
    let pending = Pending {
        created_at: platform.now_ms() / 1_000,
        ..asked
    };
    let key = pending.ticket(home).key();
    match objects.put_new(&key, &to_vec(&key, &pending)?) {
        // Its id is nobody else's: the storage has it from a request that was sent twice.
        Ok(()) | Err(ObjectError::AlreadyExists) => Ok(pending),
        Err(error) => Err(error.into()),
    }
}

/// An accepted ingestion; `None` where its record is gone.
pub fn read(platform: Platform<'_>, ticket: &Ticket) -> Result<Option<Pending>, PendingError> {
    let key = ticket.key();
    match platform.objects.get(&key) {
        Ok(data) => parse(&key, &data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is known of the ingestions of a file, but what is committed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OfFile {
    /// The newest one that has not ended.
    pub under_way: Option<Pending>,
    /// The greatest id of those that have a record, however they ended.
    pub last: Option<String>,
    /// Where none is: those that have failed, whether or not that is noted yet.
    pub failed: Vec<String>,
}

/// What is known of the ingestions of a file.
pub fn of_file(platform: Platform<'_>, home: &Home, file_id: &str) -> Result<OfFile, PendingError> {
    let tickets = ticket::of_file(platform.objects, home, file_id)?;
    let last = tickets.iter().map(|ticket| ticket.ingest_id.clone()).max();
    for ticket in tickets.iter().rev() {
        if end::ended(platform, home, &ticket.ingest_id)?.is_none()
            && let Some(pending) = read(platform, ticket)?
        {
            return Ok(OfFile {
                under_way: Some(pending),
                last,
                failed: Vec::new(),
            });
        }
    }
    Ok(OfFile {
        under_way: None,
        last,
        failed: failed::all_of_file(platform, home, file_id)?,
    })
}

/// Gives a file's ingestions up at the caller's wish: none of them can begin to be committed from
/// here on. Answers them, and the caller goes on with [`store::take_out`] and [`bury`].
///
/// [`store::take_out`]: crate::store::take_out
/// [`bury`]: super::bury
pub fn cancel(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Vec<Ticket>, PendingError> {
    let tickets = ticket::of_file(platform.objects, home, file_id)?;
    for ticket in &tickets {
        let end = end::decide(platform, home, &ticket.ingest_id, End::Cancelled)?;
        if matches!(end, End::Failed { .. }) {
            end::correct(platform, home, &ticket.ingest_id, &End::Cancelled)?;
        }
    }
    Ok(tickets)
}

/// Fails with [`PendingError::Cancelled`] where an ingestion must not be committed: it has ended,
/// its record is gone, or its file is. Once it fails it always does.
pub fn ensure_wanted(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    ingest_id: &str,
) -> Result<(), PendingError> {
    if active(Mutant::CommitAfterEnd) {
        return Ok(());
    }
    let record = Ticket::new(home, file_id, ingest_id).key();
    let wanted = [end::key(home, ingest_id), record, files::meta_key(file_id)];
    let parts = wanted.map(|key| (key, None));
    let mut answers = platform.objects.get_many(&parts).into_iter();
    match answers.next() {
        Some(Err(ObjectError::NotFound)) => {}
        Some(Ok(_)) => return Err(PendingError::Cancelled),
        Some(Err(error)) => return Err(error.into()),
        None => return Err(PendingError::Contended),
    }
    for answer in answers {
        match answer {
            Ok(_) => {}
            Err(ObjectError::NotFound) => return Err(PendingError::Cancelled),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
