//! What a rebuild's process is told, on its standard input, and what it tells, a line of JSON each.
//! While its standard input is open, its parent lives.

use dayfly_core::rebuild::{Progress, RebuildError};
use serde::{Deserialize, Serialize};

/// The job of a rebuild's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// A directory or a bucket, as configured.
    pub data: String,
    /// Whose store.
    pub tenant: String,
    /// The store.
    pub store: String,
    /// The host, as the claim to the store's rebuild names it.
    pub node: String,
    /// This start of the host.
    pub boot: String,
    /// The kind of index, where a certain one is wanted.
    pub factory: Option<String>,
    /// The most memory.
    pub memory_mib: u32,
    /// Threads; 0 for as many as there are processors.
    pub threads: u32,
}

/// What the process tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// It has a process of its own, that one.
    Helper(u32),
    /// It goes on.
    Progress(Progress),
    /// It has ended.
    Ended(Ended),
}

/// How a rebuild ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// The store has its index, or no rows.
    Done,
    /// The store is gone: there is nothing left to do.
    Gone,
    /// Somebody else goes on.
    Overtaken,
    /// It would end the same way again.
    GiveUp(String),
    /// It may go better the next time.
    Retry(String),
}

impl From<RebuildError> for Ended {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Gone => Self::Gone,
            RebuildError::Overtaken => Self::Overtaken,
            RebuildError::GiveUp(text) => Self::GiveUp(text),
            RebuildError::Retry(text) => Self::Retry(text),
        }
    }
}
