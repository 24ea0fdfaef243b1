//! A store's rows, out.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use dayfly_core::api::ApiError;
use dayfly_core::platform::Platform;
use dayfly_core::segment::{self, NewRow};
use dayfly_core::store::{self, FileEntry, Manifest};

use super::chunk::Chunk;
use super::folder::Sink;
use super::format::Format;
use super::join::Join;
use super::{ExchangeError, INDEX, at};
use crate::confined::{Client, Index, Limits};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Rows.
    pub rows: u64,
    /// Files that they come from.
    pub files: u64,
}

/// Vectors added at once.
const BATCH: usize = 4 << 20;

/// Writes a store's live rows into `folder`, which is made where it is not there.
///
/// The index is of kind `factory` (FAISS's text; `Flat` keeps the vectors as they are) and by inner
/// product of vectors of length 1. `seen` is called with the rows that are done. Holds the index
/// in memory, and for kinds that learn from a sample, that sample: the first rows; beside them some
/// rows and their files.
pub fn export(
    platform: Platform<'_>,
    store: &str,
    format: Format,
    factory: &str,
    folder: &Path,
    mut seen: impl FnMut(u64),
) -> Result<Exported, ExchangeError> {
    let manifest = store::current(platform, store)?;
    let manifest = manifest.ok_or_else(|| ApiError::not_found("There is no such store."))?;
    let dimension = manifest.store.embedding.dimension.ok_or_else(|| {
        ExchangeError::Unusable("the store is empty: there is nothing to export".to_owned())
    })?;
    fs::create_dir_all(folder).map_err(at(folder))?;
    let mut sink = Sink::create(folder, format, &manifest.store.embedding.model, dimension)?;
    let mut building = match format {
        Format::Arrow => None,
        _ => Some(Building::new(dimension, factory, manifest.totals.rows)?),
    };
    let mut rows = 0;
    let mut join = Join::new(platform, &manifest, |file, row| {
        if let Some(building) = &mut building {
            building.push(row.vector)?;
        }
        sink.push(Chunk::of_row(row, &file.filename, &file.attributes), row)?;
        rows += 1;
        seen(rows);
        Ok(())
    });
    each_row(platform, &manifest, &mut join)?;
    join.finish()?;
    sink.finish()?;
    if let Some(building) = building {
        let path = folder.join(INDEX);
        let file = fs::File::create(&path).map_err(at(&path))?;
        let mut file = std::io::BufWriter::with_capacity(1 << 20, file);
        building.finish()?.write(&mut file)?;
        let file = file
            .into_inner()
            .map_err(|error| at(&path)(error.into_error()))?;
        file.sync_all().map_err(at(&path))?;
    }
    Ok(Exported {
        rows,
        files: manifest.totals.files,
    })
}

fn each_row<T>(
    platform: Platform<'_>,
    manifest: &Manifest,
    join: &mut Join<'_, T>,
) -> Result<(), ExchangeError>
where
    T: FnMut(&FileEntry, &NewRow<'_>) -> Result<(), ExchangeError>,
{
    let (objects, home) = (platform.objects, manifest.home());
    for segment in &manifest.segments {
        let dead = store::dead_rows(platform, &home, segment)?;
        let live = dead.live_ranges(segment.meta.rows);
        for source in segment::open(objects, &home, &[&segment.meta])? {
            segment::each_row(objects, &source, &live, |row| join.push(row))?;
        }
    }
    Ok(())
}

/// An index that is trained on the first rows, where it has to be.
struct Building {
    index: Index,
    batch: Vec<f32>,
    /// Components that it learns from, as long as it has to.
    train: usize,
}

impl Building {
    fn new(dimension: u32, factory: &str, rows: u64) -> Result<Self, ExchangeError> {
        const TRAIN_ROWS: u64 = 262_144;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let limits = Limits {
            openmp: threads,
            ..Limits::default()
        };
        let client = Arc::new(Client::start(limits)?);
        let index = Index::make(&client, dimension, factory, threads)?;
        let train = match index.facts().needs_training {
            true => rows.min(TRAIN_ROWS) as usize * dimension as usize,
            false => 0,
        };
        Ok(Self {
            index,
            batch: Vec::new(),
            train,
        })
    }

    fn push(&mut self, vector: &[f32]) -> Result<(), ExchangeError> {
        self.batch.extend_from_slice(vector);
        match self.batch.len() >= BATCH.max(self.train) {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), ExchangeError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if self.train > 0 {
            self.index.train(&self.batch)?;
            self.train = 0;
        }
        self.index.add(&self.batch)?;
        self.batch.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Index, ExchangeError> {
        self.flush()?;
        Ok(self.index)
    }
}
