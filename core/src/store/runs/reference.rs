//! What a manifest says of a run.

use serde::{Deserialize, Serialize};

use crate::home::Home;

/// What a manifest says of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRef {
    /// Names it among the runs of its store's incarnation.
    pub id: String,
    /// How many files it tells of.
    pub entries: u64,
    /// Bytes of its object.
    pub bytes: u64,
    /// Where the root of its index begins.
    pub tail_at: u64,
    /// How long the root is.
    pub tail_bytes: u32,
    /// The root's SHA-256.
    pub tail_sha256: String,
    /// The least file id.
    pub first: String,
    /// The greatest file id.
    pub last: String,
    /// The first manifest version whose changes it holds.
    pub from: u64,
    /// The last manifest version whose changes it holds.
    pub to: u64,
}

impl RunRef {
    /// The key of its only object.
    pub fn key(&self, home: &Home) -> String {
        home.run(&self.id)
    }

    /// Whether it may tell of the file.
    pub fn spans(&self, file_id: &str) -> bool {
        self.first.as_str() <= file_id && file_id <= self.last.as_str()
    }
}
