//! One step of an ingestion that was accepted before: take it up, go on, commit or leave off.

use dayfly_core::api::ApiError;
use dayfly_core::files;
use dayfly_core::ingest::Source;
use dayfly_core::ingestion::Ended;
use dayfly_core::pending::{self, Ending, Hold, Lost, PendingError, Ticket};
use dayfly_core::store::{self, Manifest, StoreError};
use dayfly_guest::call::Call;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use dayfly_guest::stores::{ensure_usable, existing};
use dayfly_guest::{platform, tidy, upkeep};

use crate::Budget;
use crate::attach::format_of;
use crate::stop::Stop;
use crate::store_files::{ensure_file_id, state};

/// `POST …/process`: takes up the ingestions of a file that were accepted and are not finished, and
/// answers where the file stands then.
pub async fn answer(
    call: &Call,
    store: &str,
    file_id: &str,
    mut budget: Budget,
) -> Result<Reply, ApiError> {
    let home = existing(store)?.home();
    ensure_file_id(&home, file_id)?;
    // Only a platform that drives ingestions knows how they ended, and lets nobody else say it.
    let lost = call
        .header("x-dayfly-lost")
        .filter(|_| platform::schedule(&home.store, file_id));
    // An instance works on the oldest first, so that is what it was lost with.
    let mut lost = lost.as_deref().map(lost_from);
    let mut outcome = Ok(());
    for ticket in pending::tickets_of(&PlatformObjects, &home, file_id)? {
        let run = run(&ticket, lost.take(), &mut budget).await;
        outcome = outcome.and(match run {
            // Who drives it comes back later.
            Ok(Some(Work::Left(error))) => Err(error),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        });
        if budget.is_over() {
            break;
        }
    }
    outcome?;
    state(store, file_id)
}

/// Works on the first of these ingestions that nobody else works on. Its outcome is in the file's
/// status.
pub async fn drive(tickets: &[Ticket], mut budget: Budget) {
    for ticket in tickets {
        match run(ticket, None, &mut budget).await {
            Ok(None) | Err(PendingError::Held { .. }) => {}
            Ok(Some(_)) | Err(_) => return,
        }
    }
}

/// What became of work at an ingestion.
enum Work {
    /// It has ended, or came to the end of its step.
    Done,
    /// What it depends on failed, and may not fail later.
    Left(ApiError),
}

/// Works on an ingestion until it has ended, or the budget is over; `None` where there was nothing to do but
/// to remove what is left of it.
///
/// Errors: [`PendingError::Held`] while another attempt holds it; others where not even the failure
/// could be recorded, so that it has to be taken up again.
async fn run(
    ticket: &Ticket,
    lost: Option<Lost>,
    budget: &mut Budget,
) -> Result<Option<Work>, PendingError> {
    let Some(pending) = pending::read(platform(), ticket)? else {
        return Ok(None);
    };
    let worker = upkeep().worker;
    let Some(hold) = pending::take_up(platform(), &ticket.home(), &pending, &worker, lost)? else {
        return Ok(None);
    };
    work(ticket, hold, budget).await.map(Some)
}

/// Reads the host's `kind: detail`.
fn lost_from(reason: &str) -> Lost {
    let (kind, detail) = reason
        .split_once(':')
        .unwrap_or((reason, "no more is known"));
    let advice = match kind {
        "memory" => "Split the document, or raise the server's memory limit for jobs.",
        "cpu" => "Split the document, or raise the server's CPU limit for jobs.",
        "wall" => {
            "Split the document, use a faster embedder, or raise the server's time limit for jobs."
        }
        _ => return Lost::Chance(format!("its instance trapped: {}", detail.trim())),
    };
    Lost::Deterministic(format!(
        "The ingestion was ended: {}. {advice}",
        detail.trim()
    ))
}

async fn work(
    ticket: &Ticket,
    mut hold: Hold<'_>,
    budget: &mut Budget,
) -> Result<Work, PendingError> {
    let stop = match ingest(ticket, &mut hold, budget).await {
        Ok(Some(committed)) => {
            hold.end(Ending::Committed)?;
            // A later commit does it where somebody waits.
            if budget.is_limited() || !budget.is_over() {
                tidy(&committed);
            }
            return Ok(Work::Done);
        }
        Ok(None) => return hold.end(Ending::Step).map(|()| Work::Done),
        Err(stop) => stop,
    };
    let left = stop.passing().cloned();
    hold.end(stop.ending(settings().patience_ms))?;
    Ok(left.map_or(Work::Done, Work::Left))
}

/// Answers the version in which the file is, or nothing when the budget was over before.
async fn ingest(
    ticket: &Ticket,
    hold: &mut Hold<'_>,
    budget: &mut Budget,
) -> Result<Option<Manifest>, Stop> {
    let pending = hold.pending();
    let newest = store::current(platform(), &ticket.store).map_err(ApiError::from)?;
    let is_alive = |newest: &Manifest| newest.incarnation == ticket.incarnation;
    let manifest = newest.filter(is_alive).ok_or(PendingError::Cancelled)?;
    let manifest = ensure_usable(manifest)?;
    let (file_id, ingest_id) = (&ticket.file_id, &ticket.ingest_id);
    let is_committed = store::is_committed(platform(), &manifest, file_id, ingest_id);
    if is_committed.map_err(ApiError::from)? {
        return Ok(Some(manifest));
    }
    let file = files::read(&PlatformObjects, file_id)?;
    let mut progress = hold.progress().clone();
    let format = match progress.format {
        Some(format) => format,
        None => format_of(&file)?,
    };
    progress.format = Some(format);
    let source = Source {
        file: file.clone(),
        format,
        chunking: pending.chunking,
    };
    let ended =
        crate::run::run(&manifest, ingest_id, &source, progress, budget, hold, true).await?;
    let written = match ended {
        Ended::Whole(written) => written,
        Ended::Step(progress) => {
            hold.record(&progress)?;
            return Ok(None);
        }
    };
    let attributes = pending.attributes.clone();
    let entry = written.entry(
        &file,
        ingest_id,
        pending.created_at,
        pending.chunking,
        attributes,
    );
    let home = ticket.home();
    let committed = store::making_room(
        platform(),
        &home.store,
        &upkeep(),
        PendingError::is_full,
        || hold.commit(&entry, &written.segments),
    );
    match committed {
        Ok(committed) => Ok(Some(committed)),
        Err(PendingError::Store(StoreError::NoSuchStore(_))) => Err(PendingError::Cancelled.into()),
        Err(error) => Err(error.into()),
    }
}
