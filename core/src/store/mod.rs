//! A vector store: its linear history of versions, and what the newest one says.
//!
//! A version (a manifest) is small whatever the store holds: files are in sorted runs, rows in
//! segments, dead rows in bitmaps beside them, and what was superseded in records of its own.
//! Everything but the creation of the next version may be repeated, abandoned or late.

mod add;
mod catalog;
mod choose;
mod clean;
mod collect;
mod commit;
mod compact;
pub(crate) mod dead;
mod draft;
mod entry;
mod error;
mod find;
mod flush;
mod garbage;
mod grouped;
mod lease;
mod legacy;
mod list;
mod manifest;
mod mover;
mod moves;
mod names;
mod newest;
mod next;
mod reference;
mod relocate;
mod remove;
mod room;
pub mod runs;
mod scrub;

pub use crate::home::{manifest as manifest_key, manifests, version};
pub use add::{add_file, set_attributes, take_out};
pub use catalog::{Marked, after as marked_after, all as all_marked, remove as unmark};
pub use choose::{Live, live_in_base, live_rows};
pub use clean::{clean as clean_old, is_old};
pub use collect::{
    collect as collect_garbage, collect_noted as collect_noted_garbage, due_ms as garbage_due_ms,
    tidy,
};
pub use commit::{change, create, create_new};
pub use compact::{Indexing, compact, is_compaction_due};
pub use dead::{DeadRows, dead_rows, dead_rows_of};
pub use draft::Draft;
pub use entry::{Change, FileEntry, RowRange};
pub use error::StoreError;
pub use find::{Finding, find, find_many, is_committed};
pub use flush::TAIL_CHANGES;
pub use garbage::{GRACE_MS, waiting as waiting_garbage};
pub use lease::{Duty, Held, claim};
pub use list::Files;
pub use manifest::{
    Embedding, ExpiresAfter, FORMAT, Garbage, IndexRef, Lease, MAX_MANIFEST_BYTES, Manifest,
    StoreInfo, Totals,
};
pub use mover::{Mover, Target};
pub use moves::Moves;
pub use names::named;
pub use newest::{
    RETAINED_VERSIONS, at, current, existing, newest, newest_version, prune, prune_all, still,
};
pub use next::Next;
pub use reference::{DeadRef, SegmentRef};
pub use relocate::{Moved, commit as commit_moved, merge as merge_runs};
pub use remove::{delete, finish_deletion, finish_deletions, is_being_deleted};
pub use room::{Upkeep, making_room};
pub use scrub::{BATCH_MS, SCRUB_AFTER_MS, scrub, unreachable};

#[cfg(test)]
mod tests;
