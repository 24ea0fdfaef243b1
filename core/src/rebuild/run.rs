use std::io::{BufWriter, Write};

use sha2::{Digest, Sha256};

use super::choose::{Choice, choose};
use super::copy::Copied;
use super::indexer::{Indexer, IndexerError, Indexers, Sink};
use super::{Factory, Progress, RebuildError, Step, build, commit, copy, files, recall};
use crate::error::ApiError;
use crate::objects::Objects;
use crate::segment::{self, SegmentMeta};
use crate::store::{IndexRef, Manifest, Table, current, keys};

/// What is to be built.
#[derive(Debug, Clone)]
pub struct Order {
    /// The store.
    pub store: String,
    /// The new base's name, unique in the store.
    pub base: String,
    /// The kind of index, where the caller wants a certain one.
    pub factory: Option<Factory>,
    /// Bytes that the process may use.
    pub memory_bytes: u64,
    /// The least share of the ten nearest rows that a search has to find.
    pub recall_target: f32,
    /// Rows to measure that with.
    pub recall_queries: u64,
    /// Rows of each of the base's segments.
    pub rows_per_segment: u32,
}

impl Order {
    /// As usual: see [`RECALL_TARGET`](super::RECALL_TARGET).
    pub fn new(store: &str, base: String, memory_bytes: u64) -> Self {
        Self {
            store: store.to_owned(),
            base,
            factory: None,
            memory_bytes,
            recall_target: super::RECALL_TARGET,
            recall_queries: 128,
            rows_per_segment: 65_536,
        }
    }
}

/// What came of a rebuild.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The store has this index now.
    Built(IndexRef),
    /// It has no rows.
    Empty,
}

/// The surroundings of a rebuild.
pub(super) struct Work<'a> {
    pub objects: &'a dyn Objects,
    pub order: &'a Order,
    progress: Progress,
    report: &'a mut dyn FnMut(&Progress),
}

impl Work<'_> {
    fn begin(&mut self, step: Step, of: u64) {
        self.progress = Progress {
            step,
            done: 0,
            of,
            rows: self.progress.rows,
        };
        (self.report)(&self.progress);
    }

    pub(super) fn count(&mut self, more: u64) {
        const EVERY: u64 = 512;
        let before = self.progress.done;
        self.progress.done = before + more;
        if before / EVERY != self.progress.done / EVERY {
            (self.report)(&self.progress);
        }
    }
}

/// Rebuilds a store: copies its live rows, builds an index over them, measures it and commits.
///
/// `clock` answers milliseconds since the Unix epoch; `still_wanted` whether this worker still
/// holds the job. After an error nothing has changed, and what was written is removed where that is
/// safe. Memory: the index, a sample to train it, and some batches of rows.
pub fn rebuild(
    objects: &dyn Objects,
    order: &Order,
    indexers: &dyn Indexers,
    clock: &dyn Fn() -> u64,
    still_wanted: &dyn Fn() -> Result<bool, ApiError>,
    report: &mut dyn FnMut(&Progress),
) -> Result<Outcome, RebuildError> {
    let mut work = Work {
        objects,
        order,
        progress: Progress::default(),
        report,
    };
    let manifest = current(objects, &order.store)?.ok_or(RebuildError::Gone)?;
    let read = Table::of(objects, &manifest)?;
    let rows: u64 = read
        .segments
        .values()
        .map(|meta| read.live_count(meta))
        .sum();
    let (Some(dimension), 1..) = (manifest.store.embedding.dimension, rows) else {
        return Ok(Outcome::Empty);
    };
    work.progress.rows = rows;
    let built = prepare(
        &mut work, &manifest, &read, rows, dimension, indexers, clock,
    );
    let (copied, index) = match built {
        Ok(built) => built,
        Err(error) => {
            discard(objects, order);
            return match current(objects, &order.store) {
                Ok(None) => Err(RebuildError::Gone),
                _ => Err(error),
            };
        }
    };
    work.begin(Step::Committing, 1);
    let store = &order.store;
    // After another error a version may name the base: then the next try at the job decides.
    match commit::commit(
        objects,
        &read,
        &copied,
        &index,
        store,
        clock(),
        still_wanted,
    ) {
        Ok(()) => Ok(Outcome::Built(index)),
        Err(error @ (RebuildError::Gone | RebuildError::Overtaken)) => {
            discard(objects, order);
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Removes what was written. What cannot be removed now is inert, and goes with the job.
fn discard(objects: &dyn Objects, order: &Order) {
    let written = objects.list_all(&keys::base(&order.store, &order.base));
    for meta in written.unwrap_or_default() {
        let _ = objects.delete(&meta.key);
    }
}

/// Everything before the commit.
fn prepare(
    work: &mut Work<'_>,
    manifest: &Manifest,
    read: &Table,
    rows: u64,
    dimension: u32,
    indexers: &dyn Indexers,
    clock: &dyn Fn() -> u64,
) -> Result<(Copied, IndexRef), RebuildError> {
    let order = work.order;
    let choice = choose(rows, dimension, order.memory_bytes, order.factory.as_ref())?;
    work.begin(Step::Copying, rows);
    let copied = copy::copy(work, manifest, read, rows, dimension)?;
    let metas: Vec<&SegmentMeta> = copied.segments.iter().collect();
    let segments = segment::open(work.objects, &order.store, &metas)?;
    work.begin(Step::Training, choice.train_rows);
    let mut index = build::train(work, &copied, &segments, dimension, &choice, indexers)?;
    work.begin(Step::Adding, rows);
    let truth = build::add(
        work,
        &copied,
        &segments,
        dimension,
        index.as_mut(),
        indexers,
    )?;
    let samples = copied.sample.len() as u64;
    work.begin(Step::Measuring, samples * choice.parameters.len() as u64);
    let measured = recall::measure(work, index.as_ref(), &truth, &copied, dimension, &choice)?;
    work.begin(Step::Writing, rows);
    let index = write(
        work,
        read,
        &copied,
        index.as_ref(),
        choice,
        measured,
        clock(),
    )?;
    Ok((copied, index))
}

fn write(
    work: &mut Work<'_>,
    read: &Table,
    copied: &Copied,
    index: &dyn Indexer,
    choice: Choice,
    (parameters, recall): (String, f32),
    now_ms: u64,
) -> Result<IndexRef, RebuildError> {
    let Order { store, base, .. } = work.order;
    let mut sink = BufWriter::with_capacity(
        1 << 20,
        Sink {
            object: work.objects.create(&keys::index(store, base))?,
            hash: Sha256::new(),
            failure: None,
        },
    );
    let written = index.write(&mut sink).and_then(|()| {
        let flushed = sink.flush();
        flushed.map_err(|error| IndexerError::Failed(error.to_string()))
    });
    let (sink, _) = sink.into_parts();
    if let Err(error) = written {
        return Err(sink.failure.map_or(error, IndexerError::Storage).into());
    }
    let bytes = sink.object.finish()?;
    files::write(work.objects, store, base, read, &copied.segments)?;
    Ok(IndexRef {
        base: base.clone(),
        rows: copied.rows,
        bytes,
        sha256: segment::hex(&sink.hash.finalize()),
        factory: choice.factory.as_str().to_owned(),
        reason: choice.reason,
        parameters,
        candidates: choice.candidates,
        recall,
        built_ms: now_ms,
    })
}
