//! The platform's `settings`.

use super::Provider;
use super::bindings::exports::dayfly::platform::ingestion;
use super::bindings::exports::dayfly::platform::settings::{Embedding, Guest, Indexing, Values};
use super::instance::Instance;

impl Guest for Provider {
    fn get() -> Values {
        let instance = Instance::get();
        let settings = instance.settings();
        Values {
            embedding: Embedding {
                url: settings.embedding_url,
                authorization: settings.embedding_authorization,
                headers: settings.embedding_headers,
                model: settings.embedding_model,
                dimensions: settings.embedding_dimensions,
                query_prefix: settings.query_prefix,
                passage_prefix: settings.passage_prefix,
                as_base64: true,
                batch_inputs: settings.batch_inputs,
                batch_bytes: settings.batch_bytes,
                concurrency: settings.concurrency,
                request_timeout_ms: settings.request_timeout_ms,
                deadline_ms: settings.deadline_ms,
            },
            indexing: Indexing {
                graph_min_rows: settings.graph_min_rows,
                segment_max_rows: settings.segment_max_rows,
                rebuild_min_rows: settings.rebuild_min_rows,
            },
            max_file_bytes: settings.max_file_bytes,
            step_ms: Some(settings.step_ms),
            patience_ms: settings.patience_ms,
            // No instance knows which host it is on, and none outlives its request: each is a
            // host of its own, started once.
            node: instance.name.clone(),
            boot: instance.name.clone(),
        }
    }

    /// Nothing outlives a request on these hosts: each learns for itself.
    fn learn(_as_base64: bool, _batch_inputs: u32) {}
}

impl ingestion::Guest for Provider {
    /// Nothing outlives a request on these hosts, so the caller has to go on itself.
    fn schedule(_store: String, _file: String) -> bool {
        false
    }

    /// Each instance has its own step of time, and takes nothing from others.
    fn needed() -> ingestion::Need {
        ingestion::Need::None
    }
}
