//! The tail becomes a run: cheap, and done by whoever finds it full, in the commit that fills it.

use super::entry::Change;
use super::error::StoreError;
use super::manifest::Manifest;
use super::runs::{AttributeColumns, RunRef, RunWriter};
use crate::home::Home;
use crate::platform::Platform;

/// Changes of a tail that is full.
pub const TAIL_CHANGES: usize = 32;
/// Bytes of a tail that is full: four such, with the largest settings and as many segments as
/// gather before they are merged, are within a manifest's bound.
const TAIL_BYTES: usize = 12 << 10;

/// Whether the tail has to become a run now.
pub fn is_due(tail: &[Change]) -> bool {
    tail.len() >= TAIL_CHANGES || bytes(tail) > TAIL_BYTES
}

fn bytes(tail: &[Change]) -> usize {
    let mut counter = Counter(0);
    match serde_json::to_writer(&mut counter, tail) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0 += data.len();
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes the tail of `manifest` as a run of the changes up to version `to`.
pub(super) fn write(
    platform: Platform<'_>,
    home: &Home,
    id: &str,
    manifest: &Manifest,
    to: u64,
) -> Result<RunRef, StoreError> {
    let mut changes: Vec<&Change> = manifest.tail.iter().collect();
    changes.sort_by(|a, b| a.file_id().cmp(b.file_id()));
    let mut columns = AttributeColumns::default();
    changes.iter().for_each(|change| columns.observe(change));
    let mut writer = RunWriter::create(platform.objects, home, id, &columns)?;
    for change in changes {
        writer.push(change)?;
    }
    let from = manifest.runs.first().map_or(1, |newest| newest.to + 1);
    Ok(writer.finish(from, to)?)
}
