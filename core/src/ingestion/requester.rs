//! Who wants a file ingested.

use crate::pending::{Hold, PendingError, Progress};

/// Who wants the work done.
pub trait Requester {
    /// Asked after each batch, and every five seconds where there is none.
    ///
    /// # Errors
    /// One ends the work.
    fn still_wanted(&mut self) -> Result<(), PendingError>;

    /// Told whenever a segment has reached its limit of rows.
    ///
    /// # Errors
    /// One ends the work.
    fn record(&mut self, progress: &Progress) -> Result<(), PendingError>;
}

/// An ingestion that was accepted is wanted until it has ended, and goes on from what was recorded.
impl Requester for Hold<'_> {
    fn still_wanted(&mut self) -> Result<(), PendingError> {
        self.renew()
    }

    fn record(&mut self, progress: &Progress) -> Result<(), PendingError> {
        Hold::record(self, progress)
    }
}
