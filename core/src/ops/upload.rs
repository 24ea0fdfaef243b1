//! Committing a file whose caller waits, or taking it back.

use crate::files::{self, FileMeta};
use crate::home::Home;
use crate::ids;
use crate::pending::{self, End, PendingError, Ticket, conclude, decide};
use crate::platform::Platform;
use crate::segment::SegmentMeta;
use crate::store::{self, FileEntry, Manifest, SCRUB_AFTER_MS};

/// An upload that was begun so long ago is not committed: no record holds its segments, so a scrub may have
/// removed them.
const LONGEST_MS: u64 = SCRUB_AFTER_MS / 2;

/// Commits a file whose caller waits for it, and of which nothing was accepted before.
///
/// Errors: [`PendingError::Cancelled`] where the file was deleted meanwhile, or half a day has passed since
/// its ingestion was named; otherwise those of [`store::add_file`].
pub fn commit_upload(
    platform: Platform<'_>,
    home: &Home,
    file: &FileEntry,
    segments: &[SegmentMeta],
) -> Result<Manifest, PendingError> {
    store::add_file(platform, home, file, segments, |replaced| {
        if !platform.objects.exists(&files::meta_key(&file.file_id))? {
            return Err(PendingError::Cancelled);
        }
        let begun_ms = ids::made_ms(&file.ingest_id, "");
        let is_late = begun_ms.is_some_and(|ms| ms + LONGEST_MS <= platform.now_ms());
        if is_late || pending::ended(platform, home, &file.ingest_id)?.is_some() {
            return Err(PendingError::Cancelled);
        }
        pending::end_replaced(platform, home, &file.file_id, replaced)
    })
}

/// Removes an upload that failed, its file, too, unless `keep_file`. One whose commit succeeded
/// although its writer was told otherwise stays, and the version that holds it is answered.
pub fn take_back(
    platform: Platform<'_>,
    home: &Home,
    file: &FileMeta,
    ingest_id: &str,
    keep_file: bool,
) -> Result<Option<Manifest>, PendingError> {
    decide(platform, home, ingest_id, End::Cancelled)?;
    let ticket = Ticket::new(home, &file.id, ingest_id);
    if conclude(platform, home, &ticket, &End::Cancelled)? {
        return Ok(store::current(platform, &home.store)?);
    }
    if !keep_file {
        files::delete(platform.objects, &file.id)?;
    }
    Ok(None)
}
