//! Text to vectors, over HTTP, with retries.

use std::time::Duration;

use dayfly_core::api::{ApiError, Code};
use dayfly_core::embedding::{
    Advice, Batcher, EmbeddingError, Embeddings, Expected, parse_response, request_body,
};
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

    /// Groups texts into requests of the configured size.
    pub fn batcher<T: AsRef<str>>(&self) -> Batcher<T> {
        Batcher::new(
            self.settings.batch_inputs as usize,
            self.settings.batch_bytes as usize,
        )
    }

    /// How many requests may be under way at once.
    pub fn concurrency(&self) -> usize {
        self.settings.concurrency.max(1) as usize
    }

    /// One vector for each text, in order.
    ///
    /// Retries what may pass, with exponential backoff and jitter, until the deadline. Errors
    /// name the provider: 503 when it could not be reached or was overloaded, 400 when it
    /// refuses the texts, 502 when it needs the operator, or does not keep to the protocol.
    pub async fn embed(
        &self,
        texts: &[&str],
        dimension: Option<u32>,
    ) -> Result<Embeddings, ApiError> {
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
                return Err(api_error(&error));
            };
            let elapsed = clock::monotonic().saturating_sub(start);
            let Some(wait) = self.policy.next(attempts, after, elapsed, clock::random()) else {
                return Err(api_error(&error));
            };
            clock::sleep(wait).await;
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

fn api_error(error: &EmbeddingError) -> ApiError {
    let message = error.to_string();
    match error.advice {
        Advice::Retry { .. } => ApiError::new(Code::EmbedderUnavailable, message),
        Advice::FixRequest => ApiError::new(Code::EmbedderRefused, message),
        Advice::FixConfiguration => ApiError::new(Code::EmbedderMisconfigured, message),
        Advice::GiveUp => ApiError::new(Code::EmbedderProtocol, message),
    }
}
