use std::fmt::Write as _;

use super::Service;
use crate::metrics::head;

/// What `GET /metrics` tells of native indexes, in Prometheus' text format.
pub fn render(service: &Service) -> String {
    let (open, open_bytes) = service.open();
    let (searchers, searcher_bytes) = service.searchers();
    let gauge = "gauge";
    let counter = "counter";
    let mut text = String::new();
    let samples = [
        (
            "dayfly_faiss_open_indexes",
            gauge,
            "Native indexes that are mapped.",
            open,
        ),
        (
            "dayfly_faiss_open_bytes",
            gauge,
            "Bytes of their files.",
            open_bytes,
        ),
        (
            "dayfly_faiss_processes_total",
            counter,
            "Processes that were started to search them: all but one have died.",
            searchers,
        ),
        (
            "dayfly_faiss_memory_bytes",
            gauge,
            "Resident memory of the one that runs, mapped files included.",
            searcher_bytes,
        ),
    ];
    for (name, kind, help, value) in samples {
        head(&mut text, name, kind, help);
        let _ = writeln!(text, "{name} {value}");
    }
    text
}
