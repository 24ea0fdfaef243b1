//! What all steps of a rebuild work with.

use super::{Factory, Progress, RebuildError, Step};
use crate::platform::{Platform, Worker};
use crate::store::Held;

/// What is to be built.
#[derive(Debug, Clone)]
pub struct Order {
    /// The store.
    pub store: String,
    /// Who builds.
    pub worker: Worker,
    /// The kind of index, where the caller wants a certain one.
    pub factory: Option<Factory>,
    /// Bytes that the process may use.
    pub memory_bytes: u64,
    /// The least share of the ten nearest rows that a search has to find.
    pub recall_target: f32,
    /// Rows to measure that with.
    pub recall_queries: u64,
    /// Rows of each of the base's segments, at the least.
    pub rows_per_segment: u32,
}

impl Order {
    /// As usual: see [`RECALL_TARGET`](super::RECALL_TARGET).
    pub fn new(store: &str, worker: Worker, memory_bytes: u64) -> Self {
        Self {
            store: store.to_owned(),
            worker,
            factory: None,
            memory_bytes,
            recall_target: super::RECALL_TARGET,
            recall_queries: 128,
            rows_per_segment: 65_536,
        }
    }
}

/// The surroundings of a rebuild.
pub(super) struct Work<'a> {
    pub platform: Platform<'a>,
    pub order: &'a Order,
    /// The new base's name.
    pub base: String,
    /// The claim to the store.
    pub held: &'a mut Held,
    progress: Progress,
    report: &'a mut dyn FnMut(&Progress),
}

impl<'a> Work<'a> {
    /// Of a claimed store with so many rows.
    pub fn new(
        platform: Platform<'a>,
        order: &'a Order,
        base: String,
        held: &'a mut Held,
        rows: u64,
        report: &'a mut dyn FnMut(&Progress),
    ) -> Self {
        let progress = Progress {
            rows,
            ..Progress::default()
        };
        Self {
            platform,
            order,
            base,
            held,
            progress,
            report,
        }
    }

    /// Goes over to a step of so much.
    pub fn begin(&mut self, step: Step, of: u64) {
        self.progress = Progress {
            step,
            done: 0,
            of,
            rows: self.progress.rows,
        };
        (self.report)(&self.progress);
    }

    /// Notes that so much more is done.
    ///
    /// Errors: [`RebuildError::Overtaken`] where somebody else claimed the store meanwhile.
    pub fn count(&mut self, more: u64) -> Result<(), RebuildError> {
        const EVERY: u64 = 512;
        let before = self.progress.done;
        self.progress.done = before + more;
        if before / EVERY != self.progress.done / EVERY {
            (self.report)(&self.progress);
            self.held.renew(self.platform)?;
        }
        Ok(())
    }
}
