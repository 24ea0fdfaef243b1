use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use dayfly_core::error::ApiError;
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::runtime::{Charged, Held, Room};

/// What requests and answers of callers outside may hold together: half of what the embedder holds,
/// so that guests always find room there.
const ROOM: usize = 32 << 20;
/// Of each tenant.
const SHARE: usize = 16 << 20;
/// The largest body, as the embedder has it.
const MAX_BODY: u64 = 8 << 20;
/// A body must arrive in this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// So long a request waits for room.
const PATIENCE: Duration = Duration::from_secs(10);

/// The embedder for callers outside. What is held for one of them, a body as it comes and an answer
/// until it is sent, is charged to its tenant: connections that send nothing hold nothing.
pub struct Embeddings {
    router: Router,
    room: Arc<Room>,
}

impl Embeddings {
    /// In front of the embedder's router.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            room: Room::new(ROOM, SHARE),
        }
    }

    /// Answers a request of a tenant.
    pub async fn answer(
        &self,
        tenant: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ApiError> {
        if request.body().size_hint().lower() > MAX_BODY {
            // It refuses, and reads the rest.
            let Ok(refused) = self.router.clone().oneshot(request.map(Body::new)).await;
            return Ok(refused);
        }
        let mut held = self.room.hold(tenant);
        let (parts, body) = request.into_parts();
        let read = tokio::time::timeout(BODY_TIMEOUT, read(body, &mut held));
        let body = read.await.unwrap_or_else(|_| Err(late()))?;
        let request = Request::from_parts(parts, Body::from(body));
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, inner) = response.into_parts();
        let length = inner.size_hint().exact().unwrap_or(MAX_BODY);
        held.grow(usize::try_from(length).unwrap_or(SHARE), PATIENCE)
            .await?;
        Ok(Response::from_parts(
            parts,
            Body::new(Charged { inner, held }),
        ))
    }
}

async fn read(mut body: Incoming, held: &mut Held) -> Result<Bytes, ApiError> {
    let until = Instant::now() + BODY_TIMEOUT;
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::invalid_request(format!("The body could not be read: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if (read.len() + data.len()) as u64 > MAX_BODY {
            let text = format!("The body is larger than {MAX_BODY} bytes: split the input.");
            return Err(ApiError::new(413, text));
        }
        let left = until.saturating_duration_since(Instant::now());
        held.grow(data.len(), PATIENCE.min(left)).await?;
        read.extend_from_slice(&data);
    }
    Ok(read.into())
}

fn late() -> ApiError {
    let text = format!("The body did not arrive within {BODY_TIMEOUT:?}.");
    ApiError::new(408, text)
}
