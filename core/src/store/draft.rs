//! The next version in the making.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::dead::{DeadRows, dead_rows};
use super::entry::{Change, FileEntry, RowRange};
use super::error::StoreError;
use super::find::find;
use super::manifest::{Garbage, Manifest};
use super::next::{Next, encode};
use super::reference::{DeadRef, SegmentRef};
use super::{flush, garbage};
use crate::filter::AttributeValue;
use crate::home::Home;
use crate::platform::Platform;
use crate::segment::SegmentMeta;

/// What claims and their renewals may add to a manifest that is full for all others.
const UPKEEP_BYTES: usize = 2 << 10;

/// Changes of a version, each of which keeps its totals, its dead rows and its garbage true.
///
/// Objects are written on the way, under names that only this draft uses: a try that comes to
/// nothing leaves them to the commit, which removes them.
pub struct Draft<'a> {
    platform: Platform<'a>,
    /// The version in the making.
    pub next: Manifest,
    written: Vec<String>,
    superseded: Vec<String>,
    known: RefCell<BTreeMap<String, Option<FileEntry>>>,
}

impl<'a> Draft<'a> {
    /// What follows `newest`.
    pub fn of(platform: Platform<'a>, newest: &Manifest) -> Self {
        Self {
            platform,
            next: newest.clone(),
            written: Vec::new(),
            superseded: Vec::new(),
            known: RefCell::default(),
        }
    }

    /// The number that the version will have.
    pub fn version(&self) -> u64 {
        self.next.version + 1
    }

    fn home(&self) -> Home {
        self.next.home()
    }

    /// Adds a file with its segments, in place of an earlier ingestion of it.
    ///
    /// Errors: [`StoreError::WrongDimension`] where the store holds other vectors.
    pub fn put_file(
        &mut self,
        file: FileEntry,
        segments: &[SegmentMeta],
    ) -> Result<(), StoreError> {
        for segment in segments {
            self.ensure_dimension(segment.dimension)?;
        }
        self.remove(&file.file_id)?;
        let totals = &mut self.next.totals;
        totals.files += 1;
        totals.rows += file.row_count();
        totals.bytes += file.usage_bytes;
        let born = self.version();
        self.next.segments.extend(
            segments
                .iter()
                .map(|meta| SegmentRef::new(meta.clone(), born)),
        );
        self.note(Change::Put(file));
        Ok(())
    }

    /// Takes a file out. The version changes even where the file is not in it, so that an
    /// ingestion that is about to commit the file sees that it has to look again.
    ///
    /// Answers whether it was there.
    pub fn delete_file(&mut self, file_id: &str) -> Result<bool, StoreError> {
        let was_there = self.remove(file_id)?;
        self.next.tail.retain(|change| change.file_id() != file_id);
        self.known.borrow_mut().remove(file_id);
        if self.may_be_in_a_run(file_id) {
            self.note(Change::Delete {
                file_id: file_id.to_owned(),
            });
        }
        Ok(was_there)
    }

    /// Replaces a file's attributes.
    ///
    /// Errors: [`StoreError::NoSuchFile`].
    pub fn set_attributes(
        &mut self,
        file_id: &str,
        attributes: BTreeMap<String, AttributeValue>,
    ) -> Result<(), StoreError> {
        let Some(present) = self.find(file_id)? else {
            return Err(StoreError::NoSuchFile {
                store: self.next.store.id.clone(),
                file_id: file_id.to_owned(),
            });
        };
        self.note(Change::Put(FileEntry {
            attributes,
            ..present
        }));
        Ok(())
    }

    /// The file as it is in this version.
    pub fn find(&self, file_id: &str) -> Result<Option<FileEntry>, StoreError> {
        if let Some(known) = self.known.borrow().get(file_id) {
            return Ok(known.clone());
        }
        let found = find(self.platform, &self.next, file_id)?;
        let mut known = self.known.borrow_mut();
        known.insert(file_id.to_owned(), found.clone());
        Ok(found)
    }

    /// Notes objects that belong to no version from this one on.
    pub(super) fn supersede_all(&mut self, keys: Vec<String>) {
        self.superseded.extend(keys);
    }

    /// What may be committed, within its bounds.
    ///
    /// Errors: [`StoreError::Full`] where the store has to be compacted first.
    pub fn finish(mut self) -> Result<Next, StoreError> {
        self.write_known_dead()?;
        if flush::is_due(&self.next.tail) {
            self.flush()?;
        }
        garbage::spill(self.platform, &mut self.next)?;
        if !self.superseded.is_empty() {
            self.next.garbage.push(Garbage::new(self.superseded));
        }
        // The rest of the bound is for claims, without which nobody could compact.
        encode(&self.next, UPKEEP_BYTES)?;
        Ok(Next {
            manifest: self.next,
            written: self.written,
            is_upkeep: false,
        })
    }

    /// Marks rows dead; a segment without a live row leaves the version.
    pub(super) fn kill(&mut self, rows: &[RowRange]) -> Result<(), StoreError> {
        let mut by_segment: BTreeMap<&str, Vec<&RowRange>> = BTreeMap::new();
        for range in rows {
            by_segment.entry(&range.segment).or_default().push(range);
        }
        for (id, ranges) in by_segment {
            let Some(place) = self.next.segments.iter().position(|s| s.meta.id == id) else {
                return Err(StoreError::damaged(
                    &self.home().folder(),
                    &format!("a file names the segment {id}, which the manifest does not"),
                ));
            };
            let segment = self.next.segments[place].clone();
            let mut dead = dead_rows(self.platform, &self.home(), &segment)?;
            let mut newly = 0;
            for range in ranges {
                newly += dead.kill(range.first..range.first.saturating_add(range.rows));
            }
            let rows = &mut self.next.totals.rows;
            *rows = rows.saturating_sub(u64::from(newly));
            self.replace_dead(place, &segment, &dead)?;
        }
        Ok(())
    }

    fn replace_dead(
        &mut self,
        place: usize,
        segment: &SegmentRef,
        dead: &DeadRows,
    ) -> Result<(), StoreError> {
        if dead.count() >= segment.meta.rows {
            self.next.segments.remove(place);
            self.superseded.extend(segment.keys(&self.home()));
            return Ok(());
        }
        if let Some(old) = &segment.dead {
            self.superseded.push(self.home().dead(&old.id));
        }
        self.next.segments[place].dead = Some(self.write_dead(dead)?);
        self.next.segments[place].known_dead = None;
        Ok(())
    }

    /// Writes a bitmap under a name of its own.
    pub(super) fn write_dead(&mut self, dead: &DeadRows) -> Result<DeadRef, StoreError> {
        let home = self.home();
        let id = self.platform.new_id("");
        self.written.push(home.dead(&id));
        dead.write(self.platform.objects, &home, &id)?;
        Ok(DeadRef {
            id,
            rows: dead.count(),
        })
    }

    fn write_known_dead(&mut self) -> Result<(), StoreError> {
        for place in 0..self.next.segments.len() {
            if let Some(dead) = self.next.segments[place].known_dead.take() {
                self.next.segments[place].dead = Some(self.write_dead(&dead)?);
            }
        }
        Ok(())
    }

    /// Writes the tail as a run.
    fn flush(&mut self) -> Result<(), StoreError> {
        let (id, home) = (self.platform.new_id(""), self.home());
        self.written.push(home.run(&id));
        let to = self.version();
        let run = flush::write(self.platform, &home, &id, &self.next, to)?;
        self.next.tail.clear();
        self.next.runs.insert(0, run);
        Ok(())
    }

    /// Takes what is known of a file out of the totals, and its rows with it.
    fn remove(&mut self, file_id: &str) -> Result<bool, StoreError> {
        let Some(file) = self.find(file_id)? else {
            return Ok(false);
        };
        self.kill(&file.rows)?;
        let totals = &mut self.next.totals;
        totals.files = totals.files.saturating_sub(1);
        totals.bytes = totals.bytes.saturating_sub(file.usage_bytes);
        Ok(true)
    }

    fn note(&mut self, change: Change) {
        self.known.borrow_mut().remove(change.file_id());
        let tail = &mut self.next.tail;
        tail.retain(|known| known.file_id() != change.file_id());
        tail.push(change);
    }

    fn may_be_in_a_run(&self, file_id: &str) -> bool {
        self.next.runs.iter().any(|run| run.spans(file_id))
    }

    fn ensure_dimension(&mut self, given: u32) -> Result<(), StoreError> {
        let embedding = &mut self.next.store.embedding;
        let store = *embedding.dimension.get_or_insert(given);
        match store == given {
            true => Ok(()),
            false => Err(StoreError::WrongDimension { store, given }),
        }
    }
}
