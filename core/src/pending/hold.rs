//! An attempt at an ingestion, from being granted to its end.

use super::attempt::{self, Attempt, Claim, Lost, claim};
use super::conclude::{conclude, end_replaced};
use super::end::{End, LastError, decide, ended};
use super::progress::{Progress, Recorded, Track};
use super::queue::ensure_wanted;
use super::record::Pending;
use super::{PendingError, Ticket, failed};
use crate::files;
use crate::home::Home;
use crate::platform::{Platform, Worker};
use crate::segment::SegmentMeta;
use crate::store::{self, FileEntry, Manifest};

/// A granted attempt at an ingestion, and how far the ingestion came.
pub struct Hold<'a> {
    platform: Platform<'a>,
    home: Home,
    pending: &'a Pending,
    attempt: Attempt,
    track: Track,
}

/// How work at an ingestion came to a stop.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It is in the store.
    Committed,
    /// As far as it was to come in one step.
    Step,
    /// What it depends on failed, and may not fail the next time.
    Passing {
        /// What the file is told where it is not tried again.
        error: LastError,
        /// It is tried again until so many milliseconds after the first such failure since it came further.
        patience_ms: u64,
    },
    /// It would end the same way again.
    Failed(LastError),
    /// Another attempt goes on, or nobody wants it any more.
    Stopped(PendingError),
}

/// Takes an ingestion up where the last attempt left it. `None` where it has ended, or no further
/// attempt is worth it: it has ended when this returns.
///
/// Errors: [`PendingError::Held`] while another attempt holds it.
pub fn take_up<'a>(
    platform: Platform<'a>,
    home: &Home,
    pending: &'a Pending,
    worker: &Worker,
    lost: Option<Lost>,
) -> Result<Option<Hold<'a>>, PendingError> {
    let (objects, ingest_id) = (platform.objects, &pending.ingest_id);
    if let Some(end) = ended(platform, home, ingest_id)? {
        conclude(platform, home, &pending.ticket(home), &end)?;
        return Ok(None);
    }
    // Its record may have come after whoever deletes the file had looked for it.
    if files::is_being_deleted(objects, &pending.file_id)? {
        end(platform, home, pending, End::Cancelled)?;
        return Ok(None);
    }
    let mut track = Track::read(objects, home, ingest_id)?;
    let folder = attempt::folder(home, ingest_id);
    let known = track.progress.chunks;
    let now_ms = platform.now_ms();
    let attempt = match claim(objects, &folder, worker, now_ms, lost, known)? {
        Claim::Granted(attempt) => attempt,
        Claim::Exhausted(reason) => {
            let error = LastError::server(reason);
            end(platform, home, pending, End::Failed { error })?;
            return Ok(None);
        }
        Claim::Held { until_ms } => {
            let seconds = (until_ms.saturating_sub(now_ms) / 1_000) as u32 + 1;
            return Err(PendingError::Held {
                retry_after_s: seconds,
            });
        }
    };
    if attempt.number() > 1 {
        // What was recorded between the reading and the claim.
        track = Track::read(objects, home, ingest_id)?;
    }
    if attempt.succeeds_lost() {
        track.fence(objects, attempt.number())?;
    }
    Ok(Some(Hold {
        platform,
        home: home.clone(),
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
    /// Errors: [`PendingError::Held`] where it was given to another, [`PendingError::Cancelled`]
    /// where nobody wants the ingestion any more.
    pub fn renew(&mut self) -> Result<(), PendingError> {
        let now_ms = self.platform.now_ms();
        match self.attempt.renew(self.platform.objects, now_ms)? {
            true => self.ensure_wanted(),
            false => Err(PendingError::Held { retry_after_s: 1 }),
        }
    }

    /// Fails with [`PendingError::Cancelled`] where nobody wants the ingestion any more.
    pub fn ensure_wanted(&self) -> Result<(), PendingError> {
        let Pending {
            file_id, ingest_id, ..
        } = self.pending;
        ensure_wanted(self.platform, &self.home, file_id, ingest_id)
    }

    /// Makes the file visible, as [`store::add_file`] does, where the ingestion is still wanted.
    ///
    /// Errors: as of [`ensure_wanted`](Self::ensure_wanted) and [`store::add_file`].
    pub fn commit(
        &self,
        file: &FileEntry,
        segments: &[SegmentMeta],
    ) -> Result<Manifest, PendingError> {
        let (platform, home) = (self.platform, &self.home);
        store::add_file(platform, home, file, segments, |replaced| {
            self.before_commit(replaced)
        })
    }

    pub(super) fn before_commit(&self, replaced: Option<&str>) -> Result<(), PendingError> {
        self.ensure_wanted()?;
        end_replaced(self.platform, &self.home, &self.pending.file_id, replaced)
    }

    /// Records that the ingestion came so far; the next attempt goes on from there. `progress`
    /// adds to what was recorded before.
    ///
    /// Errors: as of [`renew`](Self::renew). The segments that it adds stay in any case: that no record
    /// names them is no proof that no version does, as records are forgotten at the ingestion's end.
    /// That end removes them where nothing names them.
    pub fn record(&mut self, progress: &Progress) -> Result<(), PendingError> {
        let (objects, number) = (self.platform.objects, self.attempt.number());
        let recorded = self.track.record(objects, number, progress.clone())?;
        // Where it has ended, the record came too late to go with the others.
        self.ensure_wanted()?;
        match recorded {
            Recorded::Yes => Ok(()),
            Recorded::Overtaken | Recorded::Ended => Err(PendingError::Held { retry_after_s: 1 }),
        }
    }

    /// Ends the attempt, and the ingestion with it where it is committed, failed or unwanted.
    ///
    /// Errors: [`PendingError::Held`] where that is how it stopped, and what the storage answers.
    pub fn end(self, ending: Ending) -> Result<(), PendingError> {
        let (platform, objects) = (self.platform, self.platform.objects);
        match ending {
            Ending::Committed => self.complete(),
            Ending::Step => {
                self.attempt.release(objects)?;
                tidy(platform, &self.home, self.pending)
            }
            Ending::Passing { error, patience_ms } => self.leave(error, patience_ms),
            Ending::Failed(error) => end(platform, &self.home, self.pending, End::Failed { error }),
            Ending::Stopped(PendingError::Cancelled) => {
                end(platform, &self.home, self.pending, End::Cancelled)
            }
            Ending::Stopped(error) => Err(error),
        }
    }

    /// For a later attempt, while there is time for one.
    fn leave(mut self, error: LastError, patience_ms: u64) -> Result<(), PendingError> {
        let (platform, home) = (self.platform, &self.home);
        let now_ms = platform.now_ms();
        let since_ms = self.attempt.failing_at(now_ms);
        if now_ms < since_ms.saturating_add(patience_ms) {
            self.attempt.give_up(platform.objects, &error.message)?;
            return tidy(platform, home, self.pending);
        }
        let seconds = patience_ms / 1_000;
        let message = format!(
            "{} It was tried again for {seconds} seconds; attach the file again to start anew.",
            error.message
        );
        let error = LastError { message, ..error };
        end(platform, home, self.pending, End::Failed { error })
    }

    fn complete(self) -> Result<(), PendingError> {
        let (platform, home) = (self.platform, &self.home);
        let ingest_id = &self.pending.ingest_id;
        // Before it ends: then they would be in sight.
        failed::forget_earlier(platform, home, self.pending, None)?;
        let end = decide(platform, home, ingest_id, End::Completed)?;
        let ticket = self.pending.ticket(home);
        if end != End::Completed || self.attempt.number() > 1 {
            // It was given up meanwhile, or earlier attempts may have left segments.
            conclude(platform, home, &ticket, &end)?;
            return Ok(());
        }
        let mut keys = self.track.keys();
        keys.push(self.attempt.key());
        keys.push(ticket.key());
        Ok(platform.objects.delete_many(&keys)?)
    }
}

/// Where the ingestion has ended meanwhile, what its attempt said last goes with the rest.
fn tidy(platform: Platform<'_>, home: &Home, pending: &Pending) -> Result<(), PendingError> {
    if let Some(end) = ended(platform, home, &pending.ingest_id)? {
        conclude(platform, home, &pending.ticket(home), &end)?;
    }
    Ok(())
}

/// Ends an ingestion as wanted, or as it has ended already.
fn end(
    platform: Platform<'_>,
    home: &Home,
    pending: &Pending,
    wanted: End,
) -> Result<(), PendingError> {
    let ended = decide(platform, home, &pending.ingest_id, wanted)?;
    let ticket: Ticket = pending.ticket(home);
    conclude(platform, home, &ticket, &ended)?;
    Ok(())
}
