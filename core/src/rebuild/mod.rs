//! Rebuilding a store: its live rows become one base with a native index over it.
//!
//! The index itself is [`Indexer`]'s, which the host has and guests do not. What is here is
//! the rest: which index ([`choose`]), which rows, how well it finds, and the commit, which keeps what
//! was uploaded and deleted meanwhile. A rebuild changes nothing before its commit; one that is cut
//! short leaves objects in a folder of its own, which the next one removes.

mod build;
mod choose;
mod commit;
mod copy;
mod due;
mod error;
mod factory;
mod files;
mod indexer;
mod job;
mod recall;
mod run;
mod work;

pub use choose::{Choice, RECALL_TARGET, choose};
pub use due::{DEFAULT_MIN_ROWS, is_due};
pub use error::RebuildError;
pub use factory::{Factory, FactoryError};
pub use indexer::{Indexer, IndexerError, Indexers};
pub use job::{Job, JobState, Progress, Step, TRIES};
pub use run::{Outcome, rebuild};
pub use work::Order;

#[cfg(test)]
mod tests;
