use std::collections::BTreeMap;

use super::{Entry, FileEntry, Garbage, Manifest, Table, keys};
use crate::filter::AttributeValue;
use crate::segment::SegmentMeta;

/// The changes that requests make to a version; each answers the next one.
impl Manifest {
    /// Adds a file, in place of an earlier ingestion of it.
    pub fn with_file(
        &self,
        table: &Table,
        file: FileEntry,
        segments: Vec<SegmentMeta>,
        now_ms: u64,
    ) -> Self {
        let mut next = self.clone();
        next.discard(table, &file.file_id, now_ms);
        next.tail.retain(|entry| entry.file_id() != file.file_id);
        next.tail.push(Entry::Add { file, segments });
        next
    }

    /// Takes a file out. The version changes even where the file is not in it, so that an
    /// ingestion that is about to commit the file sees that it has to look again.
    pub fn without_file(&self, table: &Table, file_id: &str, now_ms: u64) -> Self {
        let mut next = self.clone();
        next.discard(table, file_id, now_ms);
        next.tail.retain(|entry| entry.file_id() != file_id);
        if next.base.is_some() {
            next.tail.push(Entry::Delete {
                file_id: file_id.to_owned(),
            });
        }
        next
    }

    /// Replaces a file's attributes.
    pub fn with_attributes(
        &self,
        file_id: &str,
        attributes: BTreeMap<String, AttributeValue>,
    ) -> Self {
        let mut next = self.clone();
        let in_tail = next.tail.iter_mut().find_map(|entry| match entry {
            Entry::Add { file, .. } if file.file_id == file_id => Some(&mut file.attributes),
            Entry::SetAttributes {
                file_id: id,
                attributes,
            } if id == file_id => Some(attributes),
            _ => None,
        });
        match in_tail {
            Some(present) => *present = attributes,
            None => next.tail.push(Entry::SetAttributes {
                file_id: file_id.to_owned(),
                attributes,
            }),
        }
        next
    }

    /// Notes the objects that go when `file_id` does.
    fn discard(&mut self, table: &Table, file_id: &str, now_ms: u64) {
        let Some(file) = table.files.get(file_id) else {
            return;
        };
        let only_its = |segment: &&String| {
            table.segments.get(*segment).is_some_and(|meta| {
                meta.files
                    .iter()
                    .all(|run| run.file_id == file_id || !table.is_live(segment, &run.file_id))
            })
        };
        let doomed: Vec<String> = file.segments.iter().filter(only_its).cloned().collect();
        for segment in doomed {
            self.discard_segment(table, &segment, now_ms);
        }
    }

    /// Notes that a segment's objects belong to no version from the next one on.
    pub(crate) fn discard_segment(&mut self, table: &Table, segment: &str, now_ms: u64) {
        let keys = table
            .segments
            .get(segment)
            .map(|meta| meta.keys(&self.store.id));
        for key in keys.unwrap_or_default() {
            self.discard_object(key, now_ms);
        }
    }

    pub(crate) fn discard_object(&mut self, key: String, now_ms: u64) {
        self.garbage.push(Garbage {
            key,
            version: self.version + 1,
            since_ms: now_ms,
        });
    }

    fn base_of(&self, base: &str, table: &Table) -> super::BaseRef {
        let (mut rows, mut indexed) = (0, 0);
        for meta in table.segments.values() {
            let live = table.live_count(meta);
            match meta.base {
                Some(_) => indexed += live,
                None => rows += live,
            }
        }
        let known = self.index.as_ref().map_or(0, |index| index.rows);
        super::BaseRef {
            id: base.to_owned(),
            files: table.files.len() as u64,
            rows,
            dead: known.saturating_sub(indexed),
        }
    }

    /// Puts everything into a new base, whose table is `table`, and empties the tail.
    pub(crate) fn folded(&self, base: &str, table: &Table, now_ms: u64) -> Self {
        let mut next = self.clone();
        if let Some(old) = &self.base {
            next.discard_object(keys::base_table(&self.store.id, &old.id), now_ms);
        }
        next.tail.clear();
        next.base = Some(next.base_of(base, table));
        next
    }
}

impl Entry {
    /// The file that the entry is about.
    pub fn file_id(&self) -> &str {
        match self {
            Self::Add { file, .. } => &file.file_id,
            Self::Delete { file_id } | Self::SetAttributes { file_id, .. } => file_id,
        }
    }
}
