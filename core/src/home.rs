//! Where a store keeps its objects.

use crate::ids;

/// Where the objects of one life of a store are, relative to the tenant.
///
/// A store that is deleted and made again under the same name begins another life (incarnation):
/// no key of the one is a key of the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Home {
    /// The store's id.
    pub store: String,
    /// Names this life of it.
    pub incarnation: String,
}

impl Home {
    /// Of a store's incarnation.
    pub fn new(store: &str, incarnation: &str) -> Self {
        Self {
            store: store.to_owned(),
            incarnation: incarnation.to_owned(),
        }
    }

    /// The folder of all that belongs to this incarnation, but for its history and its queue.
    pub fn folder(&self) -> String {
        format!("stores/{}/{}/", self.store, self.incarnation)
    }

    /// A key in [`folder`](Self::folder).
    pub fn key(&self, rest: &str) -> String {
        format!("stores/{}/{}/{rest}", self.store, self.incarnation)
    }

    /// The folder of ingestions that were accepted and have not ended.
    pub fn queue(&self) -> String {
        format!("{}{}/{}/", QUEUE, self.store, self.incarnation)
    }

    /// A segment's rows, or those of a part of a base.
    pub fn segment(&self, id: &str) -> String {
        self.key(&format!("segments/{id}.arrow"))
    }

    /// A segment's graph.
    pub fn graph(&self, id: &str) -> String {
        self.key(&format!("segments/{id}.hnsw"))
    }

    /// A bitmap of dead rows.
    pub fn dead(&self, id: &str) -> String {
        self.key(&format!("dead/{id}.roaring"))
    }

    /// A sorted run of file entries.
    pub fn run(&self, id: &str) -> String {
        self.key(&format!("files/{id}.arrow"))
    }

    /// Everything of an indexed base.
    pub fn base(&self, base: &str) -> String {
        self.key(&format!("base/{base}/"))
    }

    /// The rows of an indexed base, part by part.
    pub fn base_rows(&self, base: &str, number: u32) -> String {
        self.key(&format!("base/{base}/rows-{number:05}.arrow"))
    }

    /// The list of the segments of an indexed base.
    pub fn base_list(&self, base: &str) -> String {
        self.key(&format!("base/{base}/segments.json"))
    }

    /// The native index over a base: a FAISS file.
    pub fn index(&self, base: &str) -> String {
        self.key(&format!("base/{base}/index.faiss"))
    }

    /// Where stores without incarnations kept everything of a base.
    pub fn legacy_base(store: &str, base: &str) -> String {
        format!("stores/{store}/base/{base}/")
    }
}

/// The folder of all stores' accepted ingestions: one listing finds them all.
pub const QUEUE: &str = "queue/";

/// The prefix of incarnations' names.
pub const INCARNATION_PREFIX: &str = "i";

/// The folder of a store's history, which spans its incarnations.
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

/// When an incarnation began, in milliseconds since the Unix epoch by its maker's clock.
pub fn began_ms(incarnation: &str) -> Option<u64> {
    ids::made_ms(incarnation, INCARNATION_PREFIX)
}
