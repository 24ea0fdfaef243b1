//! Text to vectors, with the operator's settings, and this instance's time.

use std::time::Duration;

use dayfly_core::chunk::Chunk;
use dayfly_core::embedding::{Asked, Batcher, Client, EmbeddingError, Embeddings, Manner};
use dayfly_core::ingestion::Embed;
use dayfly_core::retry::RetryPolicy;

use crate::bindings::dayfly::platform::settings::{self, Embedding};
use crate::provider::Provider;

/// Who looks for something waits for one answer, and for the last attempt to begin, no longer than this.
const PATIENCE_OF_A_QUERY: Duration = Duration::from_secs(15);

/// A client of the configured embedding endpoint.
pub struct Embedder<'a> {
    settings: &'a Embedding,
    client: Client<'a, Provider<'a>>,
}

impl<'a> Embedder<'a> {
    /// For texts that are to be found; it tries some times, within the time that the operator lets it.
    pub fn for_passages(settings: &'a Embedding) -> Self {
        let policy = RetryPolicy {
            deadline: Duration::from_millis(settings.deadline_ms),
            ..RetryPolicy::default()
        };
        let limit = Duration::from_millis(settings.request_timeout_ms);
        Self::with(settings, &settings.passage_prefix, policy, limit)
    }

    /// For somebody who looks for something and waits: it gives up after few attempts, and at once where it
    /// is told to wait for longer.
    pub fn for_query(settings: &'a Embedding) -> Self {
        const ATTEMPTS: u32 = 3;
        let deadline = Duration::from_millis(settings.deadline_ms);
        let policy = RetryPolicy {
            max_attempts: ATTEMPTS,
            deadline: deadline.min(PATIENCE_OF_A_QUERY),
            ..RetryPolicy::default()
        };
        let limit = Duration::from_millis(settings.request_timeout_ms);
        let limit = limit.min(PATIENCE_OF_A_QUERY);
        Self::with(settings, &settings.query_prefix, policy, limit)
    }

    fn with(
        settings: &'a Embedding,
        prefix: &'a str,
        policy: RetryPolicy,
        limit: Duration,
    ) -> Self {
        let provider = Provider::new(settings, limit);
        let asked = Asked {
            provider: provider.authority(),
            model: &settings.model,
            dimensions: settings.dimensions,
            prefix,
        };
        let manner = Manner {
            base64: settings.as_base64,
            ..Manner::new(settings.batch_inputs as usize)
        };
        Self {
            settings,
            client: Client::new(asked, policy, manner, provider),
        }
    }
}

impl Embed for Embedder<'_> {
    fn batcher(&self) -> Batcher<Chunk> {
        Batcher::new(
            self.client.manner().most_inputs,
            self.settings.batch_bytes as usize,
        )
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency.max(1) as usize
    }

    /// As [`Client::embed`]. What the provider's refusals taught is known to later instances, where the
    /// platform keeps it.
    async fn embed(
        &self,
        texts: &[&str],
        dimension: Option<u32>,
    ) -> Result<Embeddings, EmbeddingError> {
        let embedded = self.client.embed(texts, dimension).await;
        if let Some(learnt) = self.client.take_learnt() {
            let most = u32::try_from(learnt.most_inputs).unwrap_or(u32::MAX);
            settings::learn(learnt.base64, most);
        }
        embedded
    }
}
