//! What a version says of a segment.

use serde::{Deserialize, Serialize};

use super::dead::DeadRows;
use crate::segment::SegmentMeta;

/// A segment of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentRef {
    /// Where it is and what it is.
    #[serde(flatten)]
    pub meta: SegmentMeta,
    /// The version whose change brought its rows; of a merged one, the newest of them.
    pub born: u64,
    /// Which of its rows are dead, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead: Option<DeadRef>,
    /// What that bitmap says, where the version was read from an older format that had none.
    #[serde(skip)]
    pub known_dead: Option<DeadRows>,
}

/// A bitmap of dead rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadRef {
    /// Names the object.
    pub id: String,
    /// How many rows it says are dead.
    pub rows: u32,
}
