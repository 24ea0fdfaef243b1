//! A version of a store: settings, totals, references. How one follows another is in `commit`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entry::Change;
use super::grouped;
use super::reference::SegmentRef;
use super::runs::RunRef;
use crate::home::Home;
use crate::segment::SegmentMeta;

/// The manifest's format; a reader refuses a newer one. Formats 1 and 2 kept all files in one
/// table, and are read by [`legacy`](super::legacy).
pub const FORMAT: u32 = 3;

/// The most bytes of a manifest, whatever happens to a store.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;
/// What a segment with a bitmap of dead rows takes in a manifest, at the most.
const LEGACY_SEGMENT_BYTES: usize = 512;

/// How many predecessors a version names.
pub const HISTORY: usize = 64;

/// One version of a store: small, immutable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// Position in the store's history, from 1: its log sequence number.
    pub version: u64,
    /// Tells this version from any other of the same number.
    pub nonce: String,
    /// The nonces of the versions before it, newest first, [`HISTORY`] at most.
    pub history: Vec<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub committed_ms: u64,
    /// When somebody last changed the store, upkeep aside.
    pub active_ms: u64,
    /// This life of the store; another begins when it is made again after its deletion.
    pub incarnation: String,
    /// The store was deleted in this version, which stays for ever: its number is never given to
    /// another, so a late writer cannot bring the store back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// What the store is.
    pub store: StoreInfo,
    /// What it holds.
    #[serde(default)]
    pub totals: Totals,
    /// Its rows.
    #[serde(default, with = "grouped")]
    pub segments: Vec<SegmentRef>,
    /// Its files but for the newest changes: sorted runs, newest first.
    #[serde(default)]
    pub runs: Vec<RunRef>,
    /// The newest changes, oldest first, at most one of each file.
    #[serde(default)]
    pub tail: Vec<Change>,
    /// The native index over rows of a base, if one was built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexRef>,
    /// Objects that this version does not name any more, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub garbage: Vec<Garbage>,
    /// Who compacts, or did last.
    #[serde(default)]
    pub compactor: Lease,
    /// Who rebuilds, or did last.
    #[serde(default)]
    pub rebuilder: Lease,
}

/// What a store is, apart from its contents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreInfo {
    /// `vs_…`.
    pub id: String,
    /// For people; need not be unique.
    pub name: Option<String>,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    /// The caller's own notes.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// When an unused store expires.
    pub expires_after: Option<ExpiresAfter>,
    /// How its vectors were and will be made.
    pub embedding: Embedding,
}

/// Expiry after some days without a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiresAfter {
    /// Always `last_active_at`.
    pub anchor: String,
    /// From 1 to 365.
    pub days: u32,
}

/// The vectors of a store: all of one model, dimension and metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Embedding {
    /// The embedding model's name.
    pub model: String,
    /// Known from the first ingestion on.
    pub dimension: Option<u32>,
    /// Always `cosine`.
    pub metric: String,
}

/// What a store holds that is live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Files.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Bytes of the segments that they were ingested into.
    pub bytes: u64,
}

/// A native index over the rows of a base: which one, and how well it finds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexRef {
    /// The base whose folder holds it.
    pub base: String,
    /// Rows that it knows, numbered from 0 in the order of the base's segments.
    pub rows: u64,
    /// Bytes of the index file.
    pub bytes: u64,
    /// SHA-256 of the index file, in hexadecimal.
    pub sha256: String,
    /// What FAISS calls it, such as `HNSW32,SQ8`.
    pub factory: String,
    /// Why it was chosen, for people.
    pub reason: String,
    /// How widely a search of it looks, in FAISS's words, such as `efSearch=64`.
    pub parameters: String,
    /// Candidates to rescore for each result, so that it finds what `recall` says.
    pub candidates: u32,
    /// The share of the ten nearest rows that a search finds, measured on a sample.
    pub recall: f32,
    /// When it was built, in milliseconds since the Unix epoch.
    pub built_ms: u64,
    /// Whether it is kept where stores without incarnations kept theirs.
    #[serde(default, skip_serializing_if = "is_false")]
    pub legacy: bool,
}

/// Objects on their way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Garbage {
    /// When the version that supersedes them was first seen, in milliseconds since the Unix epoch:
    /// the next version says it. `None` in the one that supersedes them, as that may come long after
    /// it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    /// Their keys; one that ends in `/` stands for all below it.
    pub keys: Vec<String>,
}

/// The right to do some work on the whole of a store, which one holder has at a time.
///
/// Each claim takes the next epoch, and what was done under an epoch is committed only while that
/// is the newest: so whoever was away for long cannot commit over a successor's work, however
/// much of it was forgotten meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Counts the claims.
    pub epoch: u64,
    /// Nobody else claims before that time, in milliseconds since the Unix epoch; 0 when the work
    /// has ended.
    pub until_ms: u64,
    /// The holder's host.
    #[serde(default)]
    pub node: String,
    /// The holder's start of that host.
    #[serde(default)]
    pub boot: String,
    /// The newest version whose changes the work takes in.
    #[serde(default)]
    pub at: u64,
}

impl Manifest {
    /// A store's first version, empty. Its number, nonce and incarnation are set when it is made.
    pub fn first(store: StoreInfo) -> Self {
        Self {
            format: FORMAT,
            version: 0,
            nonce: String::new(),
            history: Vec::new(),
            committed_ms: 0,
            active_ms: 0,
            incarnation: String::new(),
            deleted: false,
            store,
            totals: Totals::default(),
            segments: Vec::new(),
            runs: Vec::new(),
            tail: Vec::new(),
            index: None,
            garbage: Vec::new(),
            compactor: Lease::default(),
            rebuilder: Lease::default(),
        }
    }

    /// The most bytes that it may have: [`MAX_MANIFEST_BYTES`], and room for the segments of older
    /// formats, whose number had no bound, until a compaction has merged them.
    pub fn most_bytes(&self) -> usize {
        let old = self.segments.iter().filter(|segment| segment.meta.legacy);
        MAX_MANIFEST_BYTES + LEGACY_SEGMENT_BYTES * old.count()
    }

    /// Where its objects are.
    pub fn home(&self) -> Home {
        Home::new(&self.store.id, &self.incarnation)
    }

    /// When the store expires, in seconds since the Unix epoch; `None` when it never does.
    pub fn expires_at(&self) -> Option<u64> {
        const DAY_S: u64 = 86_400;
        let days = u64::from(self.store.expires_after.as_ref()?.days);
        Some(self.active_ms / 1_000 + days * DAY_S)
    }

    /// Whether it has, at that time in milliseconds since the Unix epoch: then it takes no requests, and goes.
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at().is_some_and(|at| at <= now_ms / 1_000)
    }

    /// The segment with that id.
    pub fn segment(&self, id: &str) -> Option<&SegmentRef> {
        self.segments.iter().find(|segment| segment.meta.id == id)
    }

    /// The newest change of a file since the newest run.
    pub fn in_tail(&self, file_id: &str) -> Option<&Change> {
        self.tail.iter().find(|change| change.file_id() == file_id)
    }

    /// Whether the version with that nonce is this one or one that it follows; `None` where its
    /// history does not reach back to version `number`.
    pub fn follows(&self, nonce: &str, number: u64) -> Option<bool> {
        if self.nonce == nonce || self.history.iter().any(|known| known == nonce) {
            return Some(true);
        }
        let reaches = self.version.saturating_sub(number) <= self.history.len() as u64;
        reaches.then_some(false)
    }

    /// Rows that no native index knows, and rows that it knows and that are dead.
    pub fn unindexed_rows(&self) -> u64 {
        let known = self.index.as_ref().map_or(0, |index| index.rows);
        let live = |segment: &&SegmentRef| segment.meta.base.is_some();
        let indexed: u64 = match self.index {
            Some(_) => self
                .segments
                .iter()
                .filter(live)
                .map(SegmentRef::live_rows)
                .sum(),
            None => 0,
        };
        let new = self.totals.rows.saturating_sub(indexed);
        new.saturating_add(known.saturating_sub(indexed))
    }
}

impl IndexRef {
    /// The key of the index file.
    pub fn key(&self, home: &Home) -> String {
        match self.legacy {
            true => Home::legacy_base(&home.store, &self.base) + "index.faiss",
            false => home.index(&self.base),
        }
    }

    /// The keys of what belongs to the index, the rows of its base aside.
    pub fn keys(&self, home: &Home) -> Vec<String> {
        let files = "files.arrow";
        if self.legacy {
            let folder = Home::legacy_base(&home.store, &self.base);
            return vec![self.key(home), folder + files];
        }
        let list = home.base_list(&self.base);
        vec![self.key(home), home.base(&self.base) + files, list]
    }
}

impl SegmentRef {
    /// One of which every row is live.
    pub fn new(meta: SegmentMeta, born: u64) -> Self {
        Self {
            meta,
            born,
            dead: None,
            known_dead: None,
        }
    }

    /// How many of its rows are live.
    pub fn live_rows(&self) -> u64 {
        let dead = match (&self.dead, &self.known_dead) {
            (Some(dead), _) => dead.rows,
            (None, Some(dead)) => dead.count(),
            (None, None) => 0,
        };
        u64::from(self.meta.rows.saturating_sub(dead))
    }

    /// The keys of all of its objects.
    pub fn keys(&self, home: &Home) -> Vec<String> {
        let mut keys = self.meta.keys(home);
        keys.extend(self.dead.as_ref().map(|dead| home.dead(&dead.id)));
        keys
    }
}

impl Garbage {
    /// Superseded by the version that is being made.
    pub fn new(keys: Vec<String>) -> Self {
        Self {
            since_ms: None,
            keys,
        }
    }
}

impl Lease {
    /// Whether `node`, started as `boot`, may claim it at that time.
    pub fn is_free(&self, node: &str, boot: &str, now_ms: u64) -> bool {
        // The same host started anew: whatever it did before has ended.
        let is_gone = self.node == node && self.boot != boot;
        is_gone || self.until_ms <= now_ms
    }
}

fn is_false(value: &bool) -> bool {
    !value
}
