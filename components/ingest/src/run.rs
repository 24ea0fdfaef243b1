//! A file becomes rows, with this instance's embedder and time.

use dayfly_core::ingest::Source;
use dayfly_core::ingestion::{Ended, Ingestion, IngestionError, Requester};
use dayfly_core::pending::Progress;
use dayfly_core::store::Manifest;
use dayfly_guest::embed::Embedder;
use dayfly_guest::platform::{Settings, settings};
use dayfly_guest::{indexing, platform};

use crate::Budget;

/// However short a step is, the embedder gets so many milliseconds for an answer.
const LEAST_PATIENCE_MS: u64 = 10_000;

/// As [`Ingestion::run`]. Of one that is `queued` what was written before the embedder failed is kept.
pub async fn run(
    manifest: &Manifest,
    ingest_id: &str,
    source: &Source,
    progress: Progress,
    budget: &mut Budget,
    requester: &mut dyn Requester,
    queued: bool,
) -> Result<Ended, IngestionError> {
    let settings = patient_settings();
    let ingestion = Ingestion {
        platform: platform(),
        manifest,
        indexing: indexing(&settings),
        ingest_id,
        source,
        keeps_parts: queued || budget.is_limited(),
        embedder: &Embedder::for_passages(&settings.embedding),
    };
    ingestion.run(progress, budget, requester).await
}

/// The operator's settings, with no more patience for the embedder than a step has time.
fn patient_settings() -> Settings {
    let mut settings = settings();
    if let Some(step_ms) = settings.step_ms {
        let most = step_ms.max(LEAST_PATIENCE_MS);
        let embedding = &mut settings.embedding;
        embedding.request_timeout_ms = embedding.request_timeout_ms.min(most);
        embedding.deadline_ms = embedding.deadline_ms.min(most);
    }
    settings
}
