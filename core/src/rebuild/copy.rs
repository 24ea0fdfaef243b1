use std::collections::{BTreeMap, HashMap};

use super::RebuildError;
use super::run::Work;
use crate::segment::{self, BasePlace, NewRow, SegmentMeta, SegmentSpec, SegmentWriter};
use crate::store::{Manifest, Table};

/// The copied rows, and what was learnt of them on the way.
pub(super) struct Copied {
    /// The base's segments, in order.
    pub segments: Vec<SegmentMeta>,
    /// Which of them hold rows of a file.
    pub files: BTreeMap<String, Vec<String>>,
    /// Rows in all.
    pub rows: u64,
    /// Some rows to measure the recall with: their numbers, ascending.
    pub sample: Vec<u64>,
    /// Their vectors, one behind the other.
    pub queries: Vec<f32>,
}

/// Copies every live row of `table` into the segments of a base, streaming: rows are read before
/// anything slow happens, so that what they come from may be superseded meanwhile.
pub(super) fn copy(
    work: &mut Work<'_>,
    manifest: &Manifest,
    table: &Table,
    rows: u64,
    dimension: u32,
) -> Result<Copied, RebuildError> {
    let samples = work.order.recall_queries.min(rows);
    let mut copy = Copy {
        store: manifest.store.id.clone(),
        base: work.order.base.clone(),
        model: manifest.store.embedding.model.clone(),
        dimension,
        most: work.order.rows_per_segment,
        writer: None,
        sampled: (0..samples)
            .map(|n| (2 * n + 1) * rows / (2 * samples))
            .collect(),
        next_sample: 0,
        copied: Copied {
            segments: Vec::new(),
            files: BTreeMap::new(),
            rows: 0,
            sample: Vec::new(),
            queries: Vec::new(),
        },
    };
    for meta in table.segments.values() {
        let live = table.live_rows(meta);
        if live.is_empty() {
            continue;
        }
        for source in segment::open(work.objects, &copy.store, &[meta])? {
            segment::each_row(work.objects, &source, &live, |row| copy.push(work, row))?;
        }
    }
    copy.close(work)?;
    let Copy { mut copied, .. } = copy;
    let mut order: HashMap<&str, usize> = HashMap::new();
    for (place, meta) in copied.segments.iter().enumerate() {
        order.insert(meta.id.as_str(), place);
    }
    for segments in copied.files.values_mut() {
        segments.sort_by_key(|id| order.get(id.as_str()));
    }
    Ok(copied)
}

struct Copy {
    store: String,
    base: String,
    model: String,
    dimension: u32,
    most: u32,
    writer: Option<SegmentWriter>,
    sampled: Vec<u64>,
    next_sample: usize,
    copied: Copied,
}

impl Copy {
    fn push(&mut self, work: &mut Work<'_>, row: &NewRow<'_>) -> Result<(), RebuildError> {
        let full =
            |writer: &SegmentWriter| writer.rows() >= self.most || !writer.takes(row.file_id);
        if self.writer.as_ref().is_some_and(full) {
            self.close(work)?;
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(SegmentWriter::create(
                work.objects,
                SegmentSpec {
                    store: self.store.clone(),
                    id: format!("rows-{}-{:05}", self.base, self.copied.segments.len()),
                    model: self.model.clone(),
                    dimension: self.dimension,
                    graph_min_rows: u32::MAX,
                    base: Some(BasePlace {
                        id: self.base.clone(),
                        number: self.copied.segments.len() as u32,
                        first_row: self.copied.rows,
                    }),
                },
            )?),
        };
        writer.push(row)?;
        let number = self.copied.rows + u64::from(writer.rows()) - 1;
        if self.sampled.get(self.next_sample) == Some(&number) {
            self.next_sample += 1;
            self.copied.sample.push(number);
            self.copied.queries.extend_from_slice(row.vector);
        }
        work.count(1);
        Ok(())
    }

    fn close(&mut self, work: &Work<'_>) -> Result<(), RebuildError> {
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        let meta = writer.finish(work.objects)?;
        for run in &meta.files {
            let segments = self.copied.files.entry(run.file_id.clone());
            segments.or_default().push(meta.id.clone());
        }
        self.copied.rows += u64::from(meta.rows);
        self.copied.segments.push(meta);
        Ok(())
    }
}
