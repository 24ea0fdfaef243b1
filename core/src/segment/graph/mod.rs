//! The graph of a large segment: HNSW (Malkov and Yashunin, 2018) as crate `instant-distance`
//! builds it, over the int8 codes, in a file that a search reads node by node.
//!
//! Each node carries its row's code, so one read serves both to judge a node and to go on from
//! it. The builder numbers nodes in random order, those of the upper layers first; the upper
//! layers are not stored. A search instead scans the first [`ENTRIES`] nodes, which lie together
//! in one read: that costs less than the dependent reads of a descent, and leaves no cluster
//! without an entry.
//!
//! A damaged graph can cost recall, never a wrong row or score: rows are rescored by their
//! vectors. Its checksum is in the manifest, for [`verify`](super::verify).

mod build;
mod format;
mod lists;
mod walk;

pub(super) use build::write;
pub(super) use walk::search;

/// What a walk costs, in bytes of codes scanned: below so many live ones for each query, scanning
/// is cheaper. Measured by `benches/segment.rs` over local files, at 384 components.
pub(super) const WALK_COSTS_BYTES: u64 = 12_288 * 384;

/// How many nodes a search scans to find where to begin.
const ENTRIES: u32 = 1_024;

/// Neighbours that crate `instant-distance` gives a node: `2 * M`, where M is fixed to 32.
const BUILT_DEGREE: usize = 64;

/// Neighbours of a node that are stored, the nearest: with half of them a walk reads a quarter
/// less and finds the same, where it begins from that many entries.
const DEGREE: usize = 32;
