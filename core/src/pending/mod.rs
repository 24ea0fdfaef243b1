//! Ingestions that were accepted and have not ended: the durable job queue.
//!
//! A record is created before an ingestion is acknowledged, names it by its file and by itself, and
//! never changes. How the ingestion ended is decided once, by creating its end mark: from then on
//! nobody commits it, whatever its record says, and however late. Who works on it holds an attempt,
//! claimed by create-if-absent and leased for a time; attempts and progress save work, and decide
//! nothing.
//!
//! Nothing that was written for an ingestion is removed before the ingestion has ended, but what
//! its writer alone can know of. Then [`conclude`] removes what the store does not name.

mod attempt;
mod conclude;
mod end;
mod error;
mod failed;
mod forget;
mod hold;
mod progress;
mod queue;
mod record;
mod ticket;

pub use attempt::{Attempt, Claim, LEASE_MS, Lost, claim, forget as forget_attempts};
pub(crate) use conclude::end_replaced;
pub use conclude::{bury, conclude, segment_prefix};
pub use end::{End, LastError, decide, ended, ends_of};
pub use error::PendingError;
pub(crate) use error::{parse, to_vec};
pub use failed::{
    all_noted as all_failed, forget_all as forget_failed, key as failed_key,
    noted_of_files as failed_of_files, of_file as failed_of, read as read_failed,
};
pub use forget::forget_old as forget_old_ends;
pub use hold::{Ending, Hold, take_up};
pub use progress::{Progress, Recorded, Track};
pub use queue::{
    OfFile, accept, accept_all, cancel, cancel_these, ensure_wanted, of_file, of_files, read,
    read_all,
};
pub use record::{Pending, Status};
pub use ticket::{
    Ticket, all as all_tickets, all_lives as tickets_of_all_lives, of_file as tickets_of,
    of_files as tickets_of_files,
};

#[cfg(test)]
mod tests;
