use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Entry, FileEntry, Manifest, keys};
use crate::error::ApiError;
use crate::objects::Objects;
use crate::segment::SegmentMeta;

/// Live files and segments, by id: the folded part of a store, or all of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// By file id.
    pub files: BTreeMap<String, FileEntry>,
    /// By segment id.
    pub segments: BTreeMap<String, SegmentMeta>,
}

impl Table {
    /// The files and segments of a version: its base, with the tail applied.
    pub fn of(objects: &dyn Objects, manifest: &Manifest) -> Result<Self, ApiError> {
        let table = match &manifest.base {
            Some(base) => Self::folded(objects, &manifest.store.id, &base.id)?,
            None => Self::default(),
        };
        Ok(table.with_tail(manifest))
    }

    /// The table with a version's tail applied; it has to be that of the version's base.
    pub fn with_tail(mut self, manifest: &Manifest) -> Self {
        for entry in &manifest.tail {
            self.apply(entry);
        }
        self
    }

    /// The table that was folded into a base.
    pub fn folded(objects: &dyn Objects, store: &str, base: &str) -> Result<Self, ApiError> {
        let key = keys::base_table(store, base);
        let data = objects.get(&key)?;
        serde_json::from_slice(&data).map_err(|fault| super::commit::damaged(&key, &fault))
    }

    fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::Add { file, segments } => {
                self.remove(&file.file_id);
                let metas = segments.iter().map(|meta| (meta.id.clone(), meta.clone()));
                self.segments.extend(metas);
                self.files.insert(file.file_id.clone(), file.clone());
            }
            Entry::Delete { file_id } => self.remove(file_id),
            Entry::SetAttributes {
                file_id,
                attributes,
            } => {
                if let Some(file) = self.files.get_mut(file_id) {
                    file.attributes.clone_from(attributes);
                }
            }
        }
    }

    /// Takes a file out, and the segments that hold no other live file.
    fn remove(&mut self, file_id: &str) {
        let Some(file) = self.files.remove(file_id) else {
            return;
        };
        for id in &file.segments {
            let unused = self.segments.get(id).is_some_and(|segment| {
                !segment
                    .files
                    .iter()
                    .any(|run| self.is_live(id, &run.file_id))
            });
            if unused {
                self.segments.remove(id);
            }
        }
    }

    /// Puts `merged` in the place of the segments that its rows come from.
    pub(super) fn replace(&mut self, sources: &[SegmentMeta], merged: SegmentMeta) {
        for run in &merged.files {
            let Some(file) = self.files.get_mut(&run.file_id) else {
                continue;
            };
            file.segments
                .retain(|id| !sources.iter().any(|source| &source.id == id));
            file.segments.push(merged.id.clone());
        }
        sources
            .iter()
            .for_each(|source| drop(self.segments.remove(&source.id)));
        self.segments.insert(merged.id.clone(), merged);
    }

    /// The rows of a segment that are live, as [`SegmentMeta::live_rows`] gives them.
    pub fn live_rows(&self, segment: &SegmentMeta) -> Vec<Range<u32>> {
        segment.live_rows(|run| self.is_live(&segment.id, &segment.files[run].file_id))
    }

    /// How many rows of a segment are live.
    pub fn live_count(&self, segment: &SegmentMeta) -> u64 {
        let ranges = self.live_rows(segment);
        let lengths = ranges.iter().map(|rows| u64::from(rows.end - rows.start));
        lengths.sum()
    }

    /// Whether this ingestion of the file is the one that the store holds.
    pub fn is_committed(&self, file_id: &str, ingest_id: &str) -> bool {
        self.files
            .get(file_id)
            .is_some_and(|file| file.ingest_id == ingest_id)
    }

    /// Whether the rows that `segment` holds of `file_id` are the newest of that file.
    pub fn is_live(&self, segment: &str, file_id: &str) -> bool {
        self.files
            .get(file_id)
            .is_some_and(|file| file.segments.iter().any(|id| id == segment))
    }
}
