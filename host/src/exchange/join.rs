//! Rows and the files that they are of.

use std::collections::BTreeMap;

use dayfly_core::platform::Platform;
use dayfly_core::segment::NewRow;
use dayfly_core::store::{self, FileEntry, Manifest};

use super::ExchangeError;

/// Rows, or bytes of them, whose files are looked up together.
const BATCH_ROWS: usize = 1_024;
const BATCH_BYTES: usize = 4 << 20;

/// Hands rows on with their files. Holds some rows and the files that they are of, however many
/// there are.
pub struct Join<'a, T> {
    platform: Platform<'a>,
    manifest: &'a Manifest,
    rows: Vec<Kept>,
    bytes: usize,
    /// Those of the last batch: rows of one file are neighbours.
    files: BTreeMap<String, FileEntry>,
    take: T,
}

struct Kept {
    file_id: String,
    chunk: u32,
    start: u64,
    end: u64,
    text: String,
    vector: Vec<f32>,
}

impl Kept {
    fn of(row: &NewRow<'_>) -> Self {
        Self {
            file_id: row.file_id.to_owned(),
            chunk: row.chunk,
            start: row.start,
            end: row.end,
            text: row.text.to_owned(),
            vector: row.vector.to_vec(),
        }
    }

    fn row(&self) -> NewRow<'_> {
        NewRow {
            file_id: &self.file_id,
            chunk: self.chunk,
            start: self.start,
            end: self.end,
            text: &self.text,
            vector: &self.vector,
        }
    }
}

impl<'a, T> Join<'a, T>
where
    T: FnMut(&FileEntry, &NewRow<'_>) -> Result<(), ExchangeError>,
{
    /// Of a version's files.
    pub fn new(platform: Platform<'a>, manifest: &'a Manifest, take: T) -> Self {
        Self {
            platform,
            manifest,
            rows: Vec::new(),
            bytes: 0,
            files: BTreeMap::new(),
            take,
        }
    }

    /// Takes a row; it is handed on in its turn.
    pub fn push(&mut self, row: &NewRow<'_>) -> Result<(), ExchangeError> {
        self.bytes += row.text.len() + size_of_val(row.vector);
        self.rows.push(Kept::of(row));
        match self.rows.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Hands on the rest.
    pub fn finish(mut self) -> Result<(), ExchangeError> {
        self.flush()
    }

    fn flush(&mut self) -> Result<(), ExchangeError> {
        let mut wanted: Vec<&str> = self.rows.iter().map(|row| row.file_id.as_str()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        self.files
            .retain(|id, _| wanted.binary_search(&id.as_str()).is_ok());
        wanted.retain(|id| !self.files.contains_key(*id));
        let found = store::find_many(self.platform, self.manifest, &wanted)?;
        self.files.extend(found);
        for row in &self.rows {
            if let Some(file) = self.files.get(&row.file_id) {
                (self.take)(file, &row.row())?;
            }
        }
        self.rows.clear();
        self.bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::storage::{Blocking, Storage};
    use crate::testing;

    #[test]
    fn every_row_is_handed_on_with_its_file_in_order() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
        let objects = Blocking::new(&storage, "t", runtime.handle());
        testing::store(&objects, "vs_1");
        testing::add(&objects, "vs_1", "file-1", 1);
        let manifest = testing::add(&objects, "vs_1", "file-2", 1);
        let mut found = Vec::new();
        let mut join = Join::new(objects.platform(), &manifest, |file, row| {
            found.push((file.filename.clone(), row.chunk));
            Ok(())
        });
        let vector = testing::vector("");
        for number in 0..3_000_u32 {
            let file_id = match number {
                ..2_000 => "file-1",
                2_000..2_500 => "file-2",
                _ => "file-gone",
            };
            let row = NewRow {
                file_id,
                chunk: number,
                start: 0,
                end: 0,
                text: "",
                vector: &vector,
            };
            join.push(&row).unwrap();
        }
        join.finish().unwrap();
        let chunks: Vec<u32> = found.iter().map(|(_, chunk)| *chunk).collect();
        assert_eq!(chunks, (0..2_500).collect::<Vec<u32>>());
        assert_eq!(found[1_999].0, "file-1.txt");
        assert_eq!(found[2_000].0, "file-2.txt");
    }
}
