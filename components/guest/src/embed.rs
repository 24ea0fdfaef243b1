//! Text to vectors, over HTTP, with retries.

use std::time::Duration;

use dayfly_core::chunk::Chunk;
use dayfly_core::embedding::{
    Advice, Batcher, EmbeddingError, Embeddings, Expected, parse_response, request_body,
};
use dayfly_core::ingestion::Embed;
use dayfly_core::retry::{RetryPolicy, parse_retry_after};
use futures::StreamExt;
use spin_sdk::http::{ErrorCode, IncomingResponse, Method, Request, SendError, send};

use crate::clock;

use crate::bindings::dayfly::platform::settings::Embedding;

/// A client of the configured embedding endpoint.
#[derive(Debug)]
pub struct Embedder<'a> {
    settings: &'a Embedding,
    provider: String,
    policy: RetryPolicy,
}

impl<'a> Embedder<'a> {
    /// A client with the operator's settings.
    pub fn new(settings: &'a Embedding) -> Self {
        let after_scheme = settings
            .url
            .split_once("://")
            .map_or(&*settings.url, |(_, rest)| rest);
        let provider = after_scheme.split(['/', '?']).next().unwrap_or_default();
        Self {
            settings,
            provider: provider.to_owned(),
            policy: RetryPolicy {
                deadline: Duration::from_millis(settings.deadline_ms),
                ..RetryPolicy::default()
            },
        }
    }

    /// A client for somebody who waits: it gives up after few attempts.
    pub fn for_query(settings: &'a Embedding) -> Self {
        const ATTEMPTS: u32 = 3;
        let patient = Self::new(settings);
        Self {
            policy: RetryPolicy {
                max_attempts: ATTEMPTS,
                ..patient.policy
            },
            ..patient
        }
    }

    async fn attempt(
        &self,
        body: Vec<u8>,
        expected: &Expected<'_>,
    ) -> Result<Embeddings, EmbeddingError> {
        let limit = Duration::from_millis(self.settings.request_timeout_ms);
        let exchange = clock::timeout(limit, self.exchange(body, expected)).await;
        exchange.unwrap_or_else(|| {
            let reason = format!("no answer within {} ms", limit.as_millis());
            Err(EmbeddingError::unreachable(&self.provider, &reason))
        })
    }

    async fn exchange(
        &self,
        body: Vec<u8>,
        expected: &Expected<'_>,
    ) -> Result<Embeddings, EmbeddingError> {
        let mut request = Request::builder();
        request
            .method(Method::Post)
            .uri(self.settings.url.as_str())
            .header("content-type", "application/json")
            .header("content-length", body.len().to_string());
        if let Some(authorization) = &self.settings.authorization {
            request.header("authorization", authorization.as_str());
        }
        let request = request.body(body).build();
        let unreachable = |reason: &str| EmbeddingError::unreachable(&self.provider, reason);
        let response: IncomingResponse = send(request).await.map_err(|fault| match &fault {
            SendError::Http(
                ErrorCode::HttpRequestDenied
                | ErrorCode::HttpRequestUriInvalid
                | ErrorCode::DestinationIpProhibited,
            ) => EmbeddingError::forbidden(&self.provider, &fault.to_string()),
            _ => unreachable(&fault.to_string()),
        })?;
        let retry_after = response
            .headers()
            .get("retry-after")
            .first()
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|value| parse_retry_after(value, clock::now_ms()));
        let most = expected.max_body_bytes();
        let mut bytes = Vec::new();
        let mut stream = std::pin::pin!(response.take_body_stream());
        while let Some(piece) = stream.next().await {
            bytes.extend(piece.map_err(|_| unreachable("the connection was cut"))?);
            if bytes.len() > most {
                // Longer than any right answer: let the parser say so.
                break;
            }
        }
        parse_response(response.status(), retry_after, &bytes, expected)
    }
}

impl Embed for Embedder<'_> {
    fn batcher(&self) -> Batcher<Chunk> {
        Batcher::new(
            self.settings.batch_inputs as usize,
            self.settings.batch_bytes as usize,
        )
    }

    fn concurrency(&self) -> usize {
        self.settings.concurrency.max(1) as usize
    }

    /// Retries what may pass, with exponential backoff and jitter, until the deadline. Errors name the
    /// provider.
    async fn embed(
        &self,
        texts: &[&str],
        dimension: Option<u32>,
    ) -> Result<Embeddings, EmbeddingError> {
        let body = request_body(&self.settings.model, texts, None);
        let expected = Expected {
            provider: &self.provider,
            count: texts.len(),
            dimension,
        };
        let start = clock::monotonic();
        let mut attempts = 0;
        loop {
            let error = match self.attempt(body.clone(), &expected).await {
                Ok(embeddings) => return Ok(embeddings),
                Err(error) => error,
            };
            attempts += 1;
            let Advice::Retry { after } = error.advice else {
                return Err(error);
            };
            let elapsed = clock::monotonic().saturating_sub(start);
            let Some(wait) = self.policy.next(attempts, after, elapsed, clock::random()) else {
                return Err(error);
            };
            clock::sleep(wait).await;
        }
    }
}
