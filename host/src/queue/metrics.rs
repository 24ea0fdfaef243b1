//! What is counted of jobs.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeMetric as _;
use prometheus_client::metrics::MetricType::{Counter, Gauge};
use prometheus_client::metrics::gauge::ConstGauge;

use super::JobQueue;
use crate::metrics::{source, tell};

/// What `GET /metrics` tells of jobs.
pub fn metrics(jobs: Arc<JobQueue>) -> Box<dyn Collector> {
    source(move |mut encoder| {
        let figures = jobs.figures();
        let help = "Pending ingestions that are known here.";
        let mut known = encoder.encode_descriptor("dayfly_jobs", help, None, Gauge)?;
        for (state, count) in [
            ("running", figures.running),
            ("waiting", figures.waiting),
            ("sleeping", figures.sleeping),
        ] {
            ConstGauge::new(count as u64).encode(known.encode_family(&[("state", state)])?)?;
        }
        tell(
            &mut encoder,
            &[
                (
                    "dayfly_jobs_oldest_seconds",
                    Gauge,
                    "How long the job waits that has waited longest.",
                    figures.oldest.as_secs(),
                ),
                (
                    "dayfly_jobs_overflowing_tenants",
                    Gauge,
                    "Tenants with more pending ingestions than are known here.",
                    figures.overflowing as u64,
                ),
                (
                    "dayfly_jobs_gave_way",
                    Counter,
                    "Turns of jobs that ended for others' sake.",
                    figures.gave_way,
                ),
            ],
        )
    })
}
