//! What the process is asked for, and what it answers.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A call, and the number that its answer names.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub id: u64,
    pub call: Call,
}

/// An answer; numbers that belong to it are its message's body.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    pub id: u64,
    pub outcome: Result<Facts, Failure>,
}

/// Indexes and sets of rows have numbers that the caller chooses. Vectors, ranges and hits are the
/// body of a message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A new index of a kind in FAISS's words, for so many threads.
    Make {
        index: u64,
        dimension: u32,
        factory: String,
        threads: usize,
    },
    /// An index in the file that is handed over, mapped; with `whole`, read into memory and looked
    /// at to the last link.
    Open { index: u64, whole: bool },
    /// Trains with the vectors.
    Train { index: u64 },
    /// Adds the vectors.
    Add { index: u64 },
    /// Writes it into the file that is handed over.
    Write { index: u64 },
    /// The rows nearest to each of the vectors.
    Search { index: u64, how: Search },
    /// The vectors of some rows, as far as the codes tell.
    Reconstruct { index: u64, first: u64, count: u64 },
    /// The vectors nearest to each of the first so many of them, without an index.
    Nearest {
        dimension: u32,
        queries: u64,
        k: usize,
        threads: usize,
    },
    /// A set of the rows that there are, by its ranges.
    Select { rows_id: u64, rows: u64 },
    /// How the process is confined: a [`Confinement`] in JSON.
    ///
    /// [`Confinement`]: super::Confinement
    Tell,
    /// Closes what has these numbers.
    Forget { numbers: Vec<u64> },
}

/// How to search.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// How many rows are wanted of each.
    pub k: usize,
    /// FAISS's parameters, as `dayfly_faiss::Parameters` parses them.
    pub parameters: String,
    /// The set of rows that may be found.
    pub rows_id: Option<u64>,
    /// Whether all of them are looked at.
    pub exhaustive: bool,
}

/// What an index is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Vectors.
    pub rows: u64,
    /// Components of each.
    pub dimension: u32,
    /// How rows are found.
    pub kind: Kind,
    /// What scores mean.
    pub metric: Metric,
    /// Whether it must be trained before vectors are added.
    pub needs_training: bool,
}

/// How rows are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// All are looked at.
    #[default]
    Flat,
    /// By a graph.
    Graph,
    /// By lists.
    Lists,
}

/// What scores mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// More is nearer.
    #[default]
    InnerProduct,
    /// Less is nearer.
    L2,
    /// Another one of FAISS's.
    Other,
}

/// Why FAISS did not do as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// FAISS does not accept what it was given: change it.
    #[error("{0}")]
    Invalid(String),
    /// The file is no index that is read here: restore it, or have it built again.
    #[error("the index cannot be used: {0}")]
    Corrupt(String),
    /// More memory is needed than the process may have.
    #[error("out of memory")]
    OutOfMemory,
    /// A file or the socket failed.
    #[error("{0}")]
    Io(String),
    /// It took longer than so many seconds, and its process was ended.
    #[error("a search takes longer than {0} s: ask for fewer results, or rebuild the store")]
    Slow(u64),
    /// The process died of this call or of another.
    #[error("the process that runs FAISS {0}")]
    Lost(String),
}
