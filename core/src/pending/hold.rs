use super::{
    Attempt, Claim, LastError, Lost, Pending, Progress, Recorded, Status, Track, Worker, claim,
    conclude, conclude_committed, discard_unheard, is_wanted, remove, remove_leftovers, write,
};
use crate::error::ApiError;
use crate::objects::Objects;
use crate::store::Manifest;

/// The code of the error of a holder whose ingestion is wanted no more.
pub const CANCELLED: &str = "cancelled";
/// The code of the error where another attempt is at the ingestion.
pub const HELD: &str = "attempt_held";

/// A granted attempt at an ingestion, and how far the ingestion came.
pub struct Hold<'a> {
    objects: &'a dyn Objects,
    store: &'a str,
    pending: &'a Pending,
    attempt: Attempt,
    track: Track,
}

/// Takes an ingestion up where the last attempt left it. `None` where no further attempt is worth
/// it: the ingestion has failed when this returns.
///
/// Errors: 409 with Retry-After and the code [`HELD`] while another attempt holds it.
pub fn take_up<'a>(
    objects: &'a dyn Objects,
    store: &'a str,
    pending: &'a Pending,
    worker: &Worker,
    now_ms: u64,
    lost: Option<Lost>,
) -> Result<Option<Hold<'a>>, ApiError> {
    let work = &pending.ingest_id;
    let mut track = Track::read(objects, store, work)?;
    let known = track.progress.chunks;
    let attempt = match claim(objects, store, work, worker, now_ms, lost, known)? {
        Claim::Granted(attempt) => attempt,
        Claim::Exhausted(reason) => {
            fail(objects, store, pending, LastError::server(reason), now_ms)?;
            return Ok(None);
        }
        Claim::Held { until_ms } => {
            let seconds = (until_ms.saturating_sub(now_ms) / 1_000) as u32 + 1;
            return Err(held(seconds));
        }
    };
    if attempt.number() > 1 {
        // What was recorded between the reading and the claim.
        track = Track::read(objects, store, work)?;
    }
    if attempt.succeeds_lost() {
        track.take_over(objects, attempt.number())?;
    }
    Ok(Some(Hold {
        objects,
        store,
        pending,
        attempt,
        track,
    }))
}

impl<'a> Hold<'a> {
    /// The ingestion.
    pub fn pending(&self) -> &'a Pending {
        self.pending
    }

    /// How far it came, as it is recorded.
    pub fn progress(&self) -> &Progress {
        &self.track.progress
    }

    /// Keeps the attempt alive; to be called again and again while it goes on.
    ///
    /// Errors: [`HELD`] where it was given to another, [`CANCELLED`] where nobody wants the
    /// ingestion any more.
    pub fn renew(&mut self, now_ms: u64) -> Result<(), ApiError> {
        if !self.attempt.renew(self.objects, now_ms)? {
            return Err(held(1));
        }
        self.ensure_wanted()
    }

    /// Fails with [`CANCELLED`] where nobody wants the ingestion any more.
    pub fn ensure_wanted(&self) -> Result<(), ApiError> {
        ensure_wanted(self.objects, self.store, self.pending)
    }

    /// Records that the ingestion came so far; the next attempt goes on from there. `progress`
    /// adds to what was recorded before.
    ///
    /// Errors: as of [`renew`](Self::renew); with [`HELD`], the segments that it adds are removed.
    pub fn came(&mut self, progress: &Progress) -> Result<(), ApiError> {
        let heard = self.track.progress.segments.len();
        let number = self.attempt.number();
        match self.track.record(self.objects, number, progress.clone())? {
            Recorded::Yes => self.ensure_wanted(),
            Recorded::Overtaken => Err(held(1)),
            Recorded::No => {
                let unheard = progress.segments.get(heard..).unwrap_or_default();
                discard_unheard(self.objects, self.store, unheard);
                Err(held(1))
            }
        }
    }

    /// Ends the attempt at the end of a step.
    pub fn release(self) -> Result<(), ApiError> {
        self.attempt.release(self.objects)
    }

    /// Ends the ingestion, which is in `committed`.
    pub fn complete(self, committed: &Manifest) -> Result<(), ApiError> {
        let (objects, ingest_id) = (self.objects, &self.pending.ingest_id);
        if self.attempt.number() > 1 {
            // While the record is there, others would do this again if it were cut short.
            remove_leftovers(objects, committed, ingest_id)?;
        }
        remove(objects, self.store, &self.pending.file_id, ingest_id)?;
        // Only now does no attempt begin that adds to it.
        conclude_committed(objects, committed, ingest_id)
    }

    /// Ends the attempt with an error, and the ingestion with it unless the error is another
    /// attempt's business ([`HELD`]) or, with `patient`, one that may pass: such ones are tried
    /// again a few times.
    pub fn end(self, error: ApiError, patient: bool, now_ms: u64) -> Result<(), ApiError> {
        let Self {
            objects,
            store,
            pending,
            attempt,
            ..
        } = self;
        match error.code.as_deref() {
            Some(HELD) => Err(error),
            Some(CANCELLED) => {
                conclude(objects, store, &pending.file_id, &pending.ingest_id, now_ms)?;
                Ok(())
            }
            _ if patient && error.retry_after_s.is_some() => {
                attempt.give_up(objects, &error.message)
            }
            _ => fail(objects, store, pending, error.into(), now_ms),
        }
    }
}

/// Fails with [`CANCELLED`] where nobody wants the ingestion any more.
fn ensure_wanted(objects: &dyn Objects, store: &str, pending: &Pending) -> Result<(), ApiError> {
    if is_wanted(objects, store, pending)? {
        return Ok(());
    }
    Err(
        ApiError::conflict("The file was taken out of the store while it was ingested.")
            .code(CANCELLED),
    )
}

fn held(seconds: u32) -> ApiError {
    let mut held = ApiError::conflict("Another attempt at this ingestion is under way.");
    held.retry_after_s = Some(seconds);
    held.code(HELD)
}

fn fail(
    objects: &dyn Objects,
    store: &str,
    pending: &Pending,
    error: LastError,
    now_ms: u64,
) -> Result<(), ApiError> {
    if is_wanted(objects, store, pending)? {
        let failed = Pending {
            status: Status::Failed,
            last_error: Some(error),
            ..pending.clone()
        };
        write(objects, store, &failed)?;
    }
    conclude_failed(objects, store, pending, now_ms)
}

/// Removes what was written for an ingestion that failed; doing it again changes nothing. One
/// whose commit succeeded although its writer was told otherwise has not failed.
pub fn conclude_failed(
    objects: &dyn Objects,
    store: &str,
    failed: &Pending,
    now_ms: u64,
) -> Result<(), ApiError> {
    let (file, ingest_id) = (&failed.file_id, &failed.ingest_id);
    if conclude(objects, store, file, ingest_id, now_ms)? {
        remove(objects, store, file, ingest_id)?;
    }
    Ok(())
}
