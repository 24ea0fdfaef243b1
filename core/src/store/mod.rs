//! A vector store: its linear history of manifests, and what the newest one says.

mod add;
mod collect;
mod commit;
mod edit;
mod fold;
mod manifest;
mod remove;
mod table;

pub use add::add_file;
pub use collect::collect;
pub use commit::{RETAINED_VERSIONS, at, change, create, create_or_change, current};
pub(crate) use fold::write_table;
pub use fold::{FOLD_LENGTH, Indexing, fold};
pub use manifest::{
    BaseRef, Embedding, Entry, ExpiresAfter, FORMAT, FileEntry, Garbage, IndexRef, Manifest,
    StoreInfo,
};
pub use remove::{delete, take_out};
pub use table::Table;

/// Where a store's objects are, relative to the tenant.
pub mod keys {
    /// Everything of a store.
    pub fn root(store: &str) -> String {
        format!("stores/{store}/")
    }

    /// The folder of a store's history.
    pub fn manifests(store: &str) -> String {
        format!("stores/{store}/manifest/")
    }

    /// One version of a store.
    pub fn manifest(store: &str, version: u64) -> String {
        format!("stores/{store}/manifest/{version:020}.json")
    }

    /// The version that a manifest's key names.
    pub fn version(key: &str) -> Option<u64> {
        key.rsplit_once('/')?.1.strip_suffix(".json")?.parse().ok()
    }

    /// The folder of a store's segments.
    pub fn segments(store: &str) -> String {
        format!("stores/{store}/segments/")
    }

    /// The files and segments that were folded out of the tail.
    pub fn base_table(store: &str, base: &str) -> String {
        format!("stores/{store}/base/{base}/files.json")
    }

    /// All folders of bases.
    pub fn bases(store: &str) -> String {
        format!("stores/{store}/base/")
    }

    /// Everything of a base.
    pub fn base(store: &str, base: &str) -> String {
        format!("stores/{store}/base/{base}/")
    }

    /// A base's native index: a FAISS file.
    pub fn index(store: &str, base: &str) -> String {
        format!("stores/{store}/base/{base}/index.faiss")
    }

    /// The files of an indexed base, for Arrow readers.
    pub fn base_files(store: &str, base: &str) -> String {
        format!("stores/{store}/base/{base}/files.arrow")
    }
}

#[cfg(test)]
mod tests;
