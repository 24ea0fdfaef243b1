//! A rebuild from its claim to its commit.

use std::io::{BufWriter, Write};

use sha2::{Digest, Sha256};

use super::choose::{Choice, choose};
use super::copy::Copied;
use super::indexer::{Indexer, IndexerError, Indexers, Sink};
use super::work::{Order, Work};
use super::{Progress, RebuildError, Step, build, commit, copy, files, recall};
use crate::platform::Platform;
use crate::segment::{self, SegmentMeta};
use crate::store::{self, Duty, IndexRef, Manifest, current};

/// What came of a rebuild.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The store has this index now.
    Built(IndexRef),
    /// It has no rows.
    Empty,
}

/// Rebuilds a store: copies its live rows, builds an index over them, measures it and commits.
///
/// Takes the next claim to the store's rebuild, whoever holds one: of several at once the last one
/// begun commits. After an error nothing has changed, and what was written is removed where that is
/// safe. Memory: the index, a sample to train it, and some batches of rows.
pub fn rebuild(
    platform: Platform<'_>,
    order: &Order,
    indexers: &dyn Indexers,
    report: &mut dyn FnMut(&Progress),
) -> Result<Outcome, RebuildError> {
    let has_rows = |newest: &Manifest| newest.totals.rows > 0;
    let (store, worker) = (&order.store, &order.worker);
    let claimed = store::claim(platform, store, Duty::Rebuild, worker, true, has_rows)?;
    let Some(mut held) = claimed else {
        return Ok(Outcome::Empty);
    };
    let manifest = held.manifest.clone();
    commit::clear(platform, &manifest)?;
    let Some(dimension) = manifest.store.embedding.dimension else {
        held.release(platform)?;
        return Ok(Outcome::Empty);
    };
    let base = commit::base_name(platform, held.epoch);
    let rows = manifest.totals.rows;
    let mut work = Work::new(platform, order, base, &mut held, rows, report);
    let built = prepare(&mut work, &manifest, dimension, indexers);
    let (copied, index) = match built {
        Ok(built) => built,
        Err(error) => {
            discard(&work, &manifest);
            let was_held = work.held.release(platform)?;
            return match current(platform, store) {
                Ok(None) => Err(RebuildError::Gone),
                // What it read or wrote, its successor has removed.
                _ if !was_held => Err(RebuildError::Overtaken),
                _ => Err(error),
            };
        }
    };
    work.begin(Step::Committing, 1);
    // After another error a version may name the base: then the next claim decides.
    match commit::commit(&mut work, &manifest, copied, &index) {
        Ok(()) => Ok(Outcome::Built(index)),
        Err(error @ (RebuildError::Gone | RebuildError::Overtaken)) => {
            discard(&work, &manifest);
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Removes what was written. What cannot be removed now is inert, and goes with the next claim.
fn discard(work: &Work<'_>, manifest: &Manifest) {
    let base = manifest.home().base(&work.base);
    let _ = work.platform.objects.delete_all(&base);
}

/// Everything before the commit.
fn prepare(
    work: &mut Work<'_>,
    manifest: &Manifest,
    dimension: u32,
    indexers: &dyn Indexers,
) -> Result<(Copied, IndexRef), RebuildError> {
    let order = work.order;
    let rows = manifest.totals.rows;
    let choice = choose(rows, dimension, order.memory_bytes, order.factory.as_ref())?;
    work.begin(Step::Copying, rows);
    let mut copied = copy::copy(work, manifest, rows, dimension)?;
    let metas: Vec<&SegmentMeta> = copied.segments.iter().collect();
    let segments = segment::open(work.platform.objects, &manifest.home(), &metas)?;
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
    let index = write(work, manifest, &copied, index.as_ref(), choice, measured)?;
    let (objects, home) = (work.platform.objects, manifest.home());
    segment::write_list(objects, &home, &work.base, &mut copied.segments)?;
    Ok((copied, index))
}

fn write(
    work: &mut Work<'_>,
    manifest: &Manifest,
    copied: &Copied,
    index: &dyn Indexer,
    choice: Choice,
    (parameters, recall): (String, f32),
) -> Result<IndexRef, RebuildError> {
    let (platform, base) = (work.platform, &work.base);
    let mut sink = BufWriter::with_capacity(
        1 << 20,
        Sink {
            object: platform.objects.create(&manifest.home().index(base))?,
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
    files::write(platform, manifest, base)?;
    Ok(IndexRef {
        base: base.clone(),
        rows: copied.rows,
        bytes,
        sha256: format!("{:x}", sink.hash.finalize()),
        factory: choice.factory.as_str().to_owned(),
        reason: choice.reason,
        parameters,
        candidates: choice.candidates,
        recall,
        built_ms: platform.now_ms(),
        legacy: false,
    })
}
