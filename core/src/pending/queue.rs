//! Accepting ingestions, giving them up, and asking whether they are wanted.

use std::collections::{BTreeMap, BTreeSet};

use super::end::{self, End};
use super::error::{parse, to_vec};
use super::record::Pending;
use super::ticket::{self, Ticket};
use super::{PendingError, failed};
use crate::files;
use crate::home::Home;
use crate::mutants::{Mutant, active};
use crate::objects::{ObjectError, Part};
use crate::platform::Platform;

/// Accepts an ingestion durably, as of now: from here on it ends `completed`, `failed` or
/// `cancelled`.
pub fn accept(
    platform: Platform<'_>,
    home: &Home,
    asked: Pending,
) -> Result<Pending, PendingError> {
    let accepted = accept_all(platform, home, vec![asked])?;
    accepted.into_iter().next().ok_or(PendingError::Contended)
}

/// As [`accept`], several in two rounds of writes; answered in order. After an error any of them may be
/// accepted.
pub fn accept_all(
    platform: Platform<'_>,
    home: &Home,
    asked: Vec<Pending>,
) -> Result<Vec<Pending>, PendingError> {
    let notes = asked
        .iter()
        .map(|one| files::store_note(&one.file_id, &home.store));
    // Whoever deletes a file takes it out of the stores that are noted by then.
    platform
        .objects
        .create_missing(&notes.collect::<Vec<_>>())?;
    let created_at = platform.now_ms() / 1_000;
    let accepted: Vec<Pending> = asked
        .into_iter()
        .map(|one| Pending { created_at, ..one })
        .collect();
    let records = accepted.iter().map(|pending| {
        let key = pending.ticket(home).key();
        let data = to_vec(&key, pending)?;
        Ok((key, data))
    });
    let records = records.collect::<Result<Vec<_>, PendingError>>()?;
    // An ingestion's id is nobody else's: what is there is from a request that was sent twice.
    platform.objects.create_missing(&records)?;
    Ok(accepted)
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

/// As [`read`], several in one round of reads, in order.
pub fn read_all(
    platform: Platform<'_>,
    tickets: &[Ticket],
) -> Result<Vec<Option<Pending>>, PendingError> {
    if tickets.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = tickets.iter().map(|ticket| (ticket.key(), None)).collect();
    let answers = platform.objects.get_many(&keys);
    if answers.len() != tickets.len() {
        return Err(PendingError::Contended);
    }
    let read = |((key, _), answer): (&Part, Result<Vec<u8>, ObjectError>)| match answer {
        Ok(data) => parse(key, &data).map(Some),
        Err(ObjectError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    };
    keys.iter().zip(answers).map(read).collect()
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

/// As [`of_file`], of several, those left out of which there is nothing to know: in as many rounds of reads
/// as for one, where their ids lie together, whatever else waits or failed.
pub fn of_files(
    platform: Platform<'_>,
    home: &Home,
    wanted: &BTreeSet<&str>,
) -> Result<BTreeMap<String, OfFile>, PendingError> {
    let tickets = ticket::of_files(platform.objects, home, wanted)?;
    known_of(platform, tickets, || {
        failed::noted_of_files(platform, home, wanted)
    })
}

/// What these records and ends tell, and what is noted. A failure is noted before its record goes, so the
/// notes are read last.
fn known_of(
    platform: Platform<'_>,
    tickets: Vec<Ticket>,
    noted: impl FnOnce() -> Result<Vec<Ticket>, PendingError>,
) -> Result<BTreeMap<String, OfFile>, PendingError> {
    let ends = end::ends_of(platform, &tickets)?;
    let mut known: BTreeMap<String, OfFile> = BTreeMap::new();
    let mut open = Vec::new();
    for (ticket, end) in tickets.into_iter().zip(ends) {
        let of_file = known.entry(ticket.file_id.clone()).or_default();
        of_file.last = of_file.last.take().max(Some(ticket.ingest_id.clone()));
        match end {
            None => open.push(ticket),
            Some(End::Failed { .. }) if !active(Mutant::LateFailure) => {
                of_file.failed.push(ticket.ingest_id);
            }
            Some(_) => {}
        }
    }
    // They come by their age: of several of a file the newest stays.
    for pending in read_all(platform, &open)?.into_iter().flatten() {
        let of_file = known.entry(pending.file_id.clone()).or_default();
        of_file.under_way = Some(pending);
    }
    for ticket in noted()? {
        let of_file = known.entry(ticket.file_id).or_default();
        of_file.failed.push(ticket.ingest_id);
    }
    for of_file in known.values_mut() {
        match of_file.under_way {
            Some(_) => of_file.failed.clear(),
            None => of_file.failed.sort_unstable(),
        }
        of_file.failed.dedup();
    }
    Ok(known)
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
    cancel_these(platform, home, &tickets)?;
    Ok(tickets)
}

/// As [`cancel`], of ingestions that are known. What one of them brought just before is in the store.
pub fn cancel_these(
    platform: Platform<'_>,
    home: &Home,
    tickets: &[Ticket],
) -> Result<(), PendingError> {
    let ids = tickets.iter().map(|ticket| ticket.ingest_id.as_str());
    for (ingest_id, end) in end::decide_all(platform, home, ids, &End::Cancelled)? {
        if matches!(end, End::Failed { .. }) {
            end::correct(platform, home, ingest_id, &End::Cancelled)?;
        }
    }
    Ok(())
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
