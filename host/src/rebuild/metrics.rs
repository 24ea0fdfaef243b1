//! What is counted of rebuilds.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use prometheus_client::collector::Collector;
use prometheus_client::metrics::MetricType::{Counter, Gauge};

use super::{Queue, Work};
use crate::metrics::{source, tell};

/// What `GET /metrics` tells of rebuilds.
pub fn metrics(queue: Arc<Queue>, work: Arc<Work>) -> Box<dyn Collector> {
    source(move |mut encoder| {
        let counts = queue.counts();
        tell(
            &mut encoder,
            &[
                (
                    "dayfly_rebuild_jobs_queued",
                    Gauge,
                    "Rebuilds of this bucket that wait or are under way, at the last look.",
                    counts.queued,
                ),
                (
                    "dayfly_rebuild_jobs_failed",
                    Gauge,
                    "Rebuilds of this bucket that were given up, at the last look.",
                    counts.failed,
                ),
                (
                    "dayfly_rebuilds_running",
                    Gauge,
                    "Rebuilds under way on this host.",
                    work.running.load(Relaxed),
                ),
                (
                    "dayfly_rebuilds",
                    Counter,
                    "Rebuilds that ended well on this host.",
                    work.ended().0,
                ),
                (
                    "dayfly_rebuild_failures",
                    Counter,
                    "Tries at a rebuild that failed on this host.",
                    work.ended().1,
                ),
                (
                    "dayfly_rebuild_rows_done",
                    Gauge,
                    "Rows that the present step of a rebuild here has done.",
                    work.rows_done.load(Relaxed),
                ),
                (
                    "dayfly_rebuild_rows",
                    Gauge,
                    "Rows of that step.",
                    work.rows.load(Relaxed),
                ),
                (
                    "dayfly_rebuild_memory_bytes",
                    Gauge,
                    "Resident memory of its process.",
                    work.memory_bytes.load(Relaxed),
                ),
                (
                    "dayfly_rebuild_seconds_left",
                    Gauge,
                    "How long that step will go on, as it seems.",
                    work.seconds_left.load(Relaxed),
                ),
            ],
        )
    })
}
