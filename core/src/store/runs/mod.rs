//! Sorted runs: changes of a store's files by file id, immutable, in object storage.
//!
//! A run is an Arrow IPC file that any Arrow reader opens. Its record batches are small
//! (*leaves*), so that one file is found by reading little. Between the mark that ends the Arrow
//! stream and the Arrow footer, where no reader of either form looks, lies an index:
//!
//! ```text
//! ARROW1 schema leaf leaf … end-of-stream | pages (with their blocks) … block root | footer ARROW1
//! ```
//!
//! The *root* describes up to 256 leaves, or up to 256 pages that describe leaves or pages again.
//! [`RunRef`] says where the root is and what its checksum is; the root has checksums of its
//! pages, and a page of its leaves. The Arrow footer, which lists every leaf, is for others.
//!
//! Columns are ordered so that what a filter needs of every file comes first: `file_id`,
//! `deleted`, `rows`, then the attributes, one nullable column for each name and type
//! (`attr.text:author`). Attributes that have no column are JSON in the column `attributes`.
//! Beside each page of leaves lies a *block*: where in each leaf each column ends, and its
//! checksum, so that a scan reads and checks only the columns that it wants.
//!
//! What storage holds is not trusted: anything that was not written here gives
//! [`RunError::Corrupt`], never a panic.

mod columns;
mod cursor;
mod decode;
mod direction;
mod encode;
mod error;
mod find;
mod index;
mod join;
mod leaf;
mod merge;
mod open;
mod packed;
mod reference;
mod scan;
mod schema;
mod stream;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use columns::{AttributeColumns, Kind};
pub use cursor::{Bounds, Cursor};
pub use direction::Direction;
pub use error::RunError;
pub use find::{Finding, find};
pub use open::{attribute_columns, reading};
pub use reference::RunRef;
pub use scan::{ScannedFile, scan};
pub use verify::verify;
pub use writer::RunWriter;

/// The format of runs that is written, and the newest that is read.
pub const FORMAT_VERSION: u32 = 1;

/// How many attribute names have columns in a run.
pub const MAX_COLUMN_NAMES: usize = 64;

/// The longest file id, in bytes.
pub const MAX_FILE_ID_BYTES: usize = 256;

/// The most entries of a leaf.
const LEAF_ENTRIES: usize = 64;
/// A leaf is closed before it gets more content than this, in bytes; one entry alone may be
/// larger.
const LEAF_BYTES: usize = 32 << 10;
/// How many leaves or pages a page or the root describes.
const FANOUT: usize = 256;
