//! A segment: the rows of an upload (or of several, merged), immutable, in object storage.
//!
//! The rows are an Arrow IPC file that any Arrow reader opens. Beside each vector it keeps the
//! vector's int8 code, so that a search reads a quarter of the bytes, and rescores only the best
//! candidates in f32. Large segments also have a graph, of which a search reads only the part
//! that it walks. A bitmap beside a segment names the rows that died. A fresh instance reads from
//! storage what it uses on every request, so the formats are laid out for range reads and
//! searched as they lie, without deserialisation.
//!
//! What storage holds is not trusted: anything that was not written here gives
//! [`SegmentError::Corrupt`], never a panic or memory beyond the documented bounds.

mod batch;
mod dead;
mod error;
mod graph;
mod head;
mod layout;
mod listing;
mod message;
mod meta;
mod open;
mod pieces;
mod read;
mod rescore;
mod rows;
mod scan;
mod scope;
mod search;
mod slab;
mod tail;
#[cfg(test)]
mod tests;
mod vector;
mod vectors;
mod verify;
mod writer;

pub use crate::embedding::MAX_DIMENSION;
use crate::objects::limits::MAX_SPAN_ROWS;
pub use batch::NewRow;
pub use dead::DeadRows;
pub use error::SegmentError;
pub use listing::write_list;
pub use meta::{BasePlace, FileRun, GraphMeta, ListRef, SegmentMeta};
pub use open::{Segment, open, opening};
pub use rows::{Located, Row, each_row, read_rows};
pub use scope::Scope;
pub use search::{Hit, Method, candidates, search, search_by};
pub use vector::Query;
pub use vectors::each_vectors;
pub use verify::verify;
pub use writer::{SegmentSpec, SegmentWriter, Written};

/// The only metric: vectors are normalised, and a score is the product of two.
pub const METRIC: &str = "cosine";

/// The segment format that is written, and the newest that is read.
pub const FORMAT_VERSION: u32 = 1;

/// The longest text of a row, in bytes. An answer of fifty rows stays below 13 MiB.
pub const MAX_TEXT_BYTES: usize = 256 << 10;

/// The longest id of a file, in bytes.
pub const MAX_FILE_ID_BYTES: usize = 255;

/// A segment gets a graph from this many rows on, unless configured otherwise: more than any
/// segment has, so never.
///
/// Over local files a walk and a scan take the same time at 12,000 rows of 384 components, and at
/// 24,576 a walk saves one or two milliseconds of a search. Building that graph takes from 8 s of
/// CPU in a guest (clustered vectors) to 45 s (vectors without structure), so it pays after some
/// ten thousand searches, and over a network, where its rounds cost more than a scan's bytes, not
/// at all. `benches/segment.rs` measures it.
pub const DEFAULT_GRAPH_MIN_ROWS: u32 = 1_000_000;

/// A segment is closed at this many rows, unless configured otherwise; see [`max_rows`].
///
/// At 384 components its graph takes 26 MiB to build, so that a guest that ingests stays well
/// below 64 MiB; the time to build grows faster than the rows (12,288 rows 5 s, 32,768 rows
/// 27 s), so two smaller segments are also cheaper to make than one of twice the size.
pub const DEFAULT_SEGMENT_MAX_ROWS: u32 = 24_576;

const BATCH_ROWS: u32 = MAX_SPAN_ROWS;
const BATCH_VECTOR_BYTES: u32 = 2 << 20;
const BATCH_TEXT_BYTES: usize = 1 << 20;

/// Bytes read from storage at a time, so that memory does not grow with a segment.
const GROUP_BYTES: u64 = 4 << 20;

/// Memory for building a graph: codes, neighbour lists and the crate's own working space.
const GRAPH_BUILD_BYTES: u32 = 36 << 20;
/// What building a graph takes for each row beside its code: two copies of its 64 neighbours
/// (when the finished lists leave their locks), its share of the upper layers, bookkeeping.
const GRAPH_BUILD_ROW_BYTES: u32 = 700;

/// How many rows a segment of `dimension` components may have: `configured`, or fewer where its
/// graph would take more than 36 MiB to build.
pub fn max_rows(configured: u32, dimension: u32) -> u32 {
    let row = dimension.min(MAX_DIMENSION) + GRAPH_BUILD_ROW_BYTES;
    configured.min(GRAPH_BUILD_BYTES / row)
}
