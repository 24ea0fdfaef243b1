use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use super::{Queue, Work};
use crate::metrics::head;

/// What `GET /metrics` tells of rebuilds, in Prometheus' text format.
pub fn render(queue: &Queue, work: &Work) -> String {
    let counts = queue.counts();
    let gauge = "gauge";
    let counter = "counter";
    let mut text = String::new();
    let samples = [
        (
            "dayfly_rebuild_jobs_queued",
            gauge,
            "Rebuilds of this bucket that wait or are under way, at the last look.",
            counts.queued,
        ),
        (
            "dayfly_rebuild_jobs_failed",
            gauge,
            "Rebuilds of this bucket that were given up, at the last look.",
            counts.failed,
        ),
        (
            "dayfly_rebuilds_running",
            gauge,
            "Rebuilds under way on this host.",
            work.running.load(Relaxed),
        ),
        (
            "dayfly_rebuilds_total",
            counter,
            "Rebuilds that ended well on this host.",
            work.ended().0,
        ),
        (
            "dayfly_rebuild_failures_total",
            counter,
            "Tries at a rebuild that failed on this host.",
            work.ended().1,
        ),
        (
            "dayfly_rebuild_rows_done",
            gauge,
            "Rows that the present step of a rebuild here has done.",
            work.rows_done.load(Relaxed),
        ),
        (
            "dayfly_rebuild_rows",
            gauge,
            "Rows of that step.",
            work.rows.load(Relaxed),
        ),
        (
            "dayfly_rebuild_memory_bytes",
            gauge,
            "Resident memory of its process.",
            work.memory_bytes.load(Relaxed),
        ),
        (
            "dayfly_rebuild_seconds_left",
            gauge,
            "How long that step will go on, as it seems.",
            work.seconds_left.load(Relaxed),
        ),
    ];
    for (name, kind, help, value) in samples {
        head(&mut text, name, kind, help);
        let _ = writeln!(text, "{name} {value}");
    }
    text
}
