//! Files of a version: one, several, or a page of them.

use std::collections::BTreeMap;

use super::entry::{Change, FileEntry};
use super::error::StoreError;
use super::manifest::Manifest;
use super::runs;
use crate::objects::Part;
use crate::platform::Platform;

/// A file of a version; `None` where the version does not hold it.
///
/// Reads nothing where the tail tells, else a small index and a few entries of each run whose range
/// the file's id is in.
pub fn find(
    platform: Platform<'_>,
    manifest: &Manifest,
    file_id: &str,
) -> Result<Option<FileEntry>, StoreError> {
    let mut found = find_many(platform, manifest, &[file_id])?;
    Ok(found.remove(file_id))
}

/// Those of the files that the version holds, by id; in as many rounds of reads as for one.
pub fn find_many(
    platform: Platform<'_>,
    manifest: &Manifest,
    file_ids: &[&str],
) -> Result<BTreeMap<String, FileEntry>, StoreError> {
    Finding::begin(platform, manifest, file_ids)?.finish(platform)
}

/// A lookup that is under way: what [`find_many`] does, for who reads more in its rounds.
pub struct Finding<'a> {
    found: BTreeMap<String, FileEntry>,
    rest: runs::Finding<'a>,
}

impl<'a> Finding<'a> {
    /// Reads the roots of the runs that may tell.
    pub fn begin(
        platform: Platform<'_>,
        manifest: &Manifest,
        file_ids: &[&'a str],
    ) -> Result<Self, StoreError> {
        let mut found = BTreeMap::new();
        let mut unknown = Vec::new();
        for id in file_ids {
            match manifest.in_tail(id) {
                Some(Change::Put(file)) => drop(found.insert(file.file_id.clone(), file.clone())),
                Some(Change::Delete { .. }) => {}
                None => unknown.push(*id),
            }
        }
        let home = manifest.home();
        let rest = runs::Finding::begin(platform.objects, &home, &manifest.runs, &unknown)?;
        Ok(Self { found, rest })
    }

    /// What its next round reads.
    pub fn reading(&self) -> Vec<Part> {
        self.rest.reading()
    }

    /// Those of the files that the version holds.
    pub fn finish(self, platform: Platform<'_>) -> Result<BTreeMap<String, FileEntry>, StoreError> {
        let mut found = self.found;
        for (id, change) in self.rest.finish(platform.objects)? {
            if let Change::Put(file) = change {
                found.insert(id, file);
            }
        }
        Ok(found)
    }
}

/// Whether the version holds this very ingestion of the file.
pub fn is_committed(
    platform: Platform<'_>,
    manifest: &Manifest,
    file_id: &str,
    ingest_id: &str,
) -> Result<bool, StoreError> {
    let file = find(platform, manifest, file_id)?;
    Ok(file.is_some_and(|file| file.ingest_id == ingest_id))
}
