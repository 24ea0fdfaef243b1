//! What requests and upkeep do to a tenant's files and stores, whole: the same for guests, the host
//! and the simulation.

mod attach;
pub mod batches;
mod counts;
mod detach;
mod expiry;
mod files;
mod idempotency;
mod listing;
mod names;
mod rest;
mod stores;
mod upkeep;
mod upload;
mod verify;

pub use attach::{Attached, attach, attach_first};
pub use counts::{Counts, count, count_of};
pub use detach::{detach, finish_detach};
pub use expiry::expire_files;
pub use files::{delete_file, finish_file_deletion, finish_file_deletions};
pub use idempotency::{KEPT_MS as IDEMPOTENCY_MS, file_id as idempotent_file_id};
pub use listing::{Listed, Wanted, files_of, look, look_from};
pub use names::{Named, find_or_make_store, find_store, make_store, note_name, scrub_names};
pub use rest::{Rest, rest};
pub use stores::{
    after as stores_after, counted as counted_store, counted_after as counted_stores_after,
    delete_store, list as list_stores, place as place_of_store,
};
pub use upkeep::{after_commit, look_after, scrub_catalog, scrub_files};
pub use upload::{commit_upload, take_back};
pub use verify::{Damage, Findings, Strange, Verified, verify_store, verify_tenant};

#[cfg(test)]
mod tests;
