//! What is counted of native indexes.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::metrics::MetricType::{Counter, Gauge};

use super::Service;
use crate::metrics::{source, tell};

/// What `GET /metrics` tells of native indexes.
pub fn metrics(service: Arc<Service>) -> Box<dyn Collector> {
    source(move |mut encoder| {
        let (open, open_bytes) = service.open();
        let (searchers, searcher_bytes) = service.searchers();
        tell(
            &mut encoder,
            &[
                (
                    "dayfly_faiss_open_indexes",
                    Gauge,
                    "Native indexes that are mapped.",
                    open,
                ),
                (
                    "dayfly_faiss_open_bytes",
                    Gauge,
                    "Bytes of their files.",
                    open_bytes,
                ),
                (
                    "dayfly_faiss_processes",
                    Counter,
                    "Processes that were started to search them: all but one have died.",
                    searchers,
                ),
                (
                    "dayfly_faiss_memory_bytes",
                    Gauge,
                    "Resident memory of the one that runs, mapped files included.",
                    searcher_bytes,
                ),
            ],
        )
    })
}
