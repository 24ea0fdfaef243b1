//! Taking a file out of a store.

use crate::home::Home;
use crate::pending::{self, PendingError, Ticket};
use crate::platform::Platform;
use crate::store::{self, StoreError};

/// Takes a file out of a store, whether it is in it, on its way there, or failed to come. It is not
/// found from then on. Answers the ingestions that this ended, for [`finish_detach`].
///
/// Errors: [`StoreError::NoSuchFile`] where the store knows nothing of it.
pub fn detach(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
) -> Result<Vec<Ticket>, PendingError> {
    let cancelled = pending::cancel(platform, home, file_id)?;
    let was_there = store::take_out(platform, home, file_id)?;
    let had_failed = pending::forget_failed(platform, home, file_id)?;
    if was_there || had_failed || !cancelled.is_empty() {
        return Ok(cancelled);
    }
    Err(StoreError::NoSuchFile {
        store: home.store.clone(),
        file_id: file_id.to_owned(),
    }
    .into())
}

/// Removes what ingestions wrote that were ended; for after the answer. Where it is cut short,
/// whoever finds their records does it.
pub fn finish_detach(
    platform: Platform<'_>,
    home: &Home,
    cancelled: &[Ticket],
) -> Result<(), PendingError> {
    // Their own failures and those before them go, and none of what was attached after the answer.
    pending::bury(platform, home, cancelled)
}
