//! The embedder over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::embedder::Embedder;
use crate::models::Names;
use crate::protocol::{self, ApiError};
use crate::queue::Caller;

/// The largest body that is read: several times OpenAI's 300,000 tokens a request.
pub const MAX_BODY_BYTES: usize = 8 << 20;
/// What of a refused body is read and thrown away, so that a client which sends all before it
/// reads learns why.
const MAX_DRAIN_BYTES: usize = 64 << 20;
/// A body must arrive in this time, since it holds a place in the queue meanwhile.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves `embedder` in OpenAI's protocol: `POST /v1/embeddings`, `GET /v1/models` and `GET
/// /v1/models/{model}`. The model goes by its id, by [`FULL_NAME`], and by any of `aliases`.
///
/// A request takes 1 to 2,048 strings and a body of at most 8 MiB. A text longer than 256 tokens
/// is cut off there, as the model was trained; `usage` counts the tokens that were used. Errors
/// have OpenAI's envelope: 400, 404 for another model, 405, 408, 413, and 503 with `Retry-After`
/// while too much waits. A client that disconnects ends its request within one pass of the model.
///
/// Tenants, as [`TENANT_HEADER`](crate::TENANT_HEADER) names them, take turns.
///
/// The router has no fallback, so it merges into another one.
pub fn router(embedder: Arc<Embedder>, aliases: Vec<String>) -> Router {
    let served = Served {
        embedder,
        names: Arc::new(Names::new(aliases)),
    };
    Router::new()
        .route(
            "/v1/embeddings",
            post(embeddings).fallback(method_not_allowed),
        )
        .route("/v1/models", get(models).fallback(method_not_allowed))
        .route(
            "/v1/models/{*model}",
            get(model).fallback(method_not_allowed),
        )
        .with_state(served)
}

#[derive(Clone)]
struct Served {
    embedder: Arc<Embedder>,
    names: Arc<Names>,
}

async fn models(State(served): State<Served>) -> impl IntoResponse {
    served.names.list()
}

async fn model(
    State(served): State<Served>,
    Path(model): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let found = served.names.get(&model);
    found.ok_or_else(|| ApiError::model_not_found(&model))
}

async fn method_not_allowed() -> ApiError {
    let message = "This method is not allowed here.";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
}

async fn embeddings(State(served): State<Served>, headers: HeaderMap, mut body: Body) -> Response {
    match answer(&served, &headers, &mut body).await {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => {
            drain(body).await;
            error.into_response()
        }
    }
}

async fn answer(
    Served { embedder, names }: &Served,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Vec<u8>, ApiError> {
    // Without a length the body may have any that is allowed.
    let length = content_length(headers).unwrap_or(MAX_BODY_BYTES);
    if length > MAX_BODY_BYTES {
        return Err(too_large());
    }
    let permit = embedder.admit(length)?;
    let bytes = read(body).await?;
    let request = protocol::parse(&bytes, names)?;
    drop(bytes);
    let embeddings = embedder
        .embed_admitted(Caller::of(headers), request.texts, permit)
        .await?;
    let written =
        tokio::task::spawn_blocking(move || protocol::write(&embeddings, request.encoding)).await;
    written.unwrap_or_else(|e| {
        let message = format!("The answer could not be written: {e}");
        Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message))
    })
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

async fn read(body: &mut Body) -> Result<Bytes, ApiError> {
    let collected = Limited::new(body, MAX_BODY_BYTES).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, collected)
        .await
        .map_err(|_| {
            let message = format!("The body did not arrive within {BODY_TIMEOUT:?}.");
            ApiError::new(StatusCode::REQUEST_TIMEOUT, message)
        })?;
    match collected {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(e) if e.is::<LengthLimitError>() => Err(too_large()),
        Err(e) => {
            let message = format!("The body could not be read: {e}");
            Err(ApiError::new(StatusCode::BAD_REQUEST, message))
        }
    }
}

fn too_large() -> ApiError {
    let message = format!("The body is larger than {MAX_BODY_BYTES} bytes: split the input.");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

/// Reads what is left of a body and keeps nothing of it.
pub async fn drain(body: Body) {
    let mut body = Limited::new(body, MAX_DRAIN_BYTES);
    let discard = async { while let Some(Ok(_)) = body.frame().await {} };
    // Too slow or too long: the answer is sent regardless.
    let _ = tokio::time::timeout(BODY_TIMEOUT, discard).await;
}
