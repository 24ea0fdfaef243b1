//! Ingesting a file: from its text to rows that can be committed.
//!
//! Reading and splitting it is in [`ingest`](crate::ingest). How vectors come about, what time it is and who
//! else waits is handed in, so the same code runs in a guest and in a test. Committing is the caller's.

mod budget;
mod error;
mod pipeline;
mod requester;
mod rows;
mod surroundings;
mod written;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use error::IngestionError;
pub use pipeline::{Ended, Ingestion};
pub use requester::Requester;
pub use rows::{RowWriter, Target};
pub use surroundings::{Embed, Need, Surroundings};
pub use written::Written;
