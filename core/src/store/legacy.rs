//! Stores as they were kept before incarnations (formats 1 and 2): all files in one table, rows
//! dead by that table alone. They are read as what they would be today; the next commit keeps them
//! so, and [`clean`](super::clean) removes what only the old formats had.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::dead::DeadRows;
use super::entry::{Change, FileEntry, RowRange};
use super::error::StoreError;
use super::manifest::{Garbage, IndexRef, Lease, Manifest, StoreInfo, Totals};
use super::reference::SegmentRef;
use crate::chunk::ChunkingStrategy;
use crate::filter::AttributeValue;
use crate::home::Home;
use crate::platform::Platform;
use crate::segment::{FileRun, SegmentMeta};

/// The incarnation of every store that was made before there were any.
pub(super) const INCARNATION: &str = "i000000000000000000000000000";

/// What the nonces of versions begin with that had none.
const NONCE: &str = "legacy-";

/// The folders of a store that only old formats had, but for its history.
pub(super) const FOLDERS: [&str; 5] = ["attempts", "base", "pending", "progress", "segments"];

#[derive(Deserialize)]
struct OldManifest {
    version: u64,
    committed_ms: u64,
    #[serde(default)]
    deleted: bool,
    store: StoreInfo,
    base: Option<OldBase>,
    #[serde(default)]
    index: Option<IndexRef>,
    tail: Vec<OldEntry>,
    #[serde(default)]
    garbage: Vec<OldGarbage>,
}

#[derive(Deserialize)]
struct OldBase {
    id: String,
}

#[derive(Deserialize)]
struct OldGarbage {
    key: String,
    since_ms: u64,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum OldEntry {
    Add {
        file: OldFile,
        segments: Vec<OldSegment>,
    },
    Delete {
        file_id: String,
    },
    SetAttributes {
        file_id: String,
        attributes: BTreeMap<String, AttributeValue>,
    },
}

#[derive(Deserialize)]
struct OldFile {
    file_id: String,
    filename: String,
    ingest_id: String,
    created_at: u64,
    usage_bytes: u64,
    chunking: ChunkingStrategy,
    #[serde(default)]
    attributes: BTreeMap<String, AttributeValue>,
    segments: Vec<String>,
}

#[derive(Deserialize)]
struct OldSegment {
    #[serde(flatten)]
    meta: SegmentMeta,
    files: Vec<FileRun>,
}

#[derive(Default, Deserialize)]
struct Table {
    files: BTreeMap<String, OldFile>,
    segments: BTreeMap<String, OldSegment>,
}

/// A version of an old format as one of today's. Its tail holds all files and its dead rows are no
/// objects yet, so it is larger than a version may be; the next commit writes them down.
pub(super) fn read(platform: Platform<'_>, key: &str, data: &[u8]) -> Result<Manifest, StoreError> {
    let old: OldManifest =
        serde_json::from_slice(data).map_err(|fault| StoreError::damaged(key, &fault))?;
    let mut table = match &old.base {
        Some(base) => folded(platform, &old.store.id, &base.id)?,
        None => Table::default(),
    };
    for entry in old.tail {
        table.apply(entry);
    }
    let mut manifest = Manifest::first(old.store);
    manifest.version = old.version;
    manifest.nonce = format!("{NONCE}{}", old.version);
    manifest.committed_ms = old.committed_ms;
    manifest.active_ms = old.committed_ms;
    manifest.incarnation = INCARNATION.to_owned();
    manifest.deleted = old.deleted;
    manifest.index = old.index.map(|index| IndexRef {
        legacy: true,
        ..index
    });
    manifest.garbage = noted(old.garbage);
    manifest.rebuilder = Lease::default();
    table.into_manifest(&mut manifest);
    Ok(manifest)
}

fn folded(platform: Platform<'_>, store: &str, base: &str) -> Result<Table, StoreError> {
    let key = format!("stores/{store}/base/{base}/files.json");
    let data = platform.objects.get(&key)?;
    serde_json::from_slice(&data).map_err(|fault| StoreError::damaged(&key, &fault))
}

fn noted(old: Vec<OldGarbage>) -> Vec<Garbage> {
    let mut by_time: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for garbage in old {
        by_time
            .entry(garbage.since_ms)
            .or_default()
            .push(garbage.key);
    }
    let garbage = |(since_ms, keys)| Garbage {
        since_ms: Some(since_ms),
        keys,
    };
    by_time.into_iter().map(garbage).collect()
}

impl Table {
    fn apply(&mut self, entry: OldEntry) {
        match entry {
            OldEntry::Add { file, segments } => {
                let named = segments.into_iter().map(|one| (one.meta.id.clone(), one));
                self.segments.extend(named);
                self.files.insert(file.file_id.clone(), file);
            }
            OldEntry::Delete { file_id } => drop(self.files.remove(&file_id)),
            OldEntry::SetAttributes {
                file_id,
                attributes,
            } => {
                if let Some(file) = self.files.get_mut(&file_id) {
                    file.attributes = attributes;
                }
            }
        }
    }

    fn into_manifest(self, manifest: &mut Manifest) {
        let mut rows: BTreeMap<&str, BTreeMap<&str, RowRange>> = BTreeMap::new();
        for (id, segment) in &self.segments {
            let mut dead = DeadRows::empty();
            let mut first = 0_u32;
            for run in &segment.files {
                let end = first.saturating_add(run.rows);
                let file = self.files.get(&run.file_id);
                if file.is_some_and(|file| file.segments.contains(id)) {
                    let range = RowRange {
                        segment: id.clone(),
                        first,
                        rows: run.rows,
                    };
                    rows.entry(&run.file_id).or_default().insert(id, range);
                } else {
                    dead.kill(first..end);
                }
                first = end;
            }
            if dead.count() >= segment.meta.rows {
                continue;
            }
            let meta = SegmentMeta {
                legacy: true,
                ..segment.meta.clone()
            };
            manifest.segments.push(SegmentRef {
                known_dead: (dead.count() > 0).then_some(dead),
                ..SegmentRef::new(meta, manifest.version)
            });
        }
        let live = manifest.segments.iter().map(SegmentRef::live_rows);
        manifest.totals = Totals {
            files: self.files.len() as u64,
            rows: live.sum(),
            bytes: self.files.values().map(|file| file.usage_bytes).sum(),
        };
        manifest.tail = self
            .files
            .values()
            .map(|file| Change::Put(anew(file, rows.get(file.file_id.as_str()))))
            .collect();
    }
}

fn anew(file: &OldFile, rows: Option<&BTreeMap<&str, RowRange>>) -> FileEntry {
    let in_order = file.segments.iter();
    let ranges = in_order.filter_map(|id| rows?.get(id.as_str()).cloned());
    FileEntry {
        file_id: file.file_id.clone(),
        filename: file.filename.clone(),
        ingest_id: file.ingest_id.clone(),
        created_at: file.created_at,
        usage_bytes: file.usage_bytes,
        chunking: file.chunking,
        attributes: file.attributes.clone(),
        rows: ranges.collect(),
    }
}

/// Whether a version was read from an old format: the next commit moves it over first.
pub(super) fn is_old_version(manifest: &Manifest) -> bool {
    manifest.nonce.starts_with(NONCE)
}

/// Removes all that a deleted store of an old format kept, where that incarnation was one.
pub(super) fn remove(platform: Platform<'_>, home: &Home) -> Result<(), StoreError> {
    if home.incarnation != INCARNATION {
        return Ok(());
    }
    for folder in FOLDERS {
        platform
            .objects
            .delete_all(&format!("stores/{}/{folder}/", home.store))?;
    }
    Ok(())
}
