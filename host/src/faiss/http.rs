//! The service over HTTP, for guests on hosts that cannot map an index: the same calls as the
//! platform's, with the caller's own token.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use dayfly_core::api::routes::{HostOperation, Operation, StoresOperation, path_of};
use dayfly_core::api::{ApiError, Code, IndexHits, IndexQuery, RebuildObject, RebuildRequest};
use dayfly_core::objects::keys::check_segment;

use super::Service;
use crate::admission::{Admission, Entrant};
use crate::identity::{Principal, Scope, Verifier};
use crate::turns::Urgency;

const SEARCH: Entrant = Entrant {
    urgency: Urgency::Now,
    embeds: false,
};

/// What requests are answered with.
#[derive(Clone)]
pub struct Served {
    /// Answers.
    pub service: Arc<Service>,
    /// Lets them in, once all of a request is there.
    pub admission: Arc<Admission>,
}

/// Searches of bases alone: all that a server needs beside its guests.
pub fn searches(served: Served, verifier: Arc<Verifier>) -> Router {
    let path = path_of(Operation::Host(HostOperation::SearchIndex));
    let router = Router::new().route(path, post(search)).with_state(served);
    router.layer(middleware::from_fn_with_state(verifier, authenticate))
}

/// Searches and rebuilds.
pub fn all(served: Served, verifier: Arc<Verifier>) -> Router {
    let path = path_of(Operation::Stores(StoresOperation::RequestRebuild));
    let router = Router::new()
        .route(path, get(status).post(request_rebuild))
        .with_state(served.clone());
    router
        .layer(middleware::from_fn_with_state(
            Arc::clone(&verifier),
            authenticate,
        ))
        .merge(searches(served, verifier))
}

/// An error as a response.
pub struct Refusal(ApiError);

impl<E: Into<ApiError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let status = StatusCode::from_u16(error.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(error.body())).into_response();
        if let Some(seconds) = error.retry_after_s {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        response
    }
}

async fn authenticate(
    State(verifier): State<Arc<Verifier>>,
    headers: HeaderMap,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let shown = headers
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap_or(""));
    let principal = verifier
        .verify(shown)
        .map_err(|error| ApiError::new(Code::InvalidApiKey, error.to_string()))?;
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

fn permitted(principal: &Principal, scope: Scope, name: &str) -> Result<(), ApiError> {
    if principal.scopes.contains(&scope) {
        return Ok(());
    }
    let text = format!(
        "The token lacks the scope '{name}', which this request needs; use one that has it."
    );
    Err(ApiError::new(Code::InsufficientPermissions, text))
}

/// Names become a part of keys.
fn plain(names: &[&str]) -> Result<(), ApiError> {
    names
        .iter()
        .try_for_each(|name| check_segment(name).map_err(ApiError::from))
}

async fn search(
    State(served): State<Served>,
    Extension(principal): Extension<Principal>,
    Path((store, base)): Path<(String, String)>,
    query: Result<Json<IndexQuery>, JsonRejection>,
) -> Result<Json<IndexHits>, Refusal> {
    permitted(&principal, Scope::Read, "read")?;
    plain(&[&store, &base])?;
    let Json(query) = query.map_err(|error| ApiError::invalid_request(error.body_text()))?;
    let _permit = served.admission.admit(&principal, SEARCH).await?;
    let hits = served
        .service
        .search(&principal.tenant, &store, &base, query)
        .await?;
    Ok(Json(IndexHits { hits }))
}

async fn request_rebuild(
    State(served): State<Served>,
    Extension(principal): Extension<Principal>,
    Path(store): Path<String>,
    request: Result<Json<RebuildRequest>, JsonRejection>,
) -> Result<Json<RebuildObject>, Refusal> {
    permitted(&principal, Scope::Write, "write")?;
    plain(&[&store])?;
    let Json(request) = request.map_err(|error| ApiError::invalid_request(error.body_text()))?;
    let _permit = served.admission.admit(&principal, Entrant::PLAIN).await?;
    let asked = served
        .service
        .request_rebuild(&principal.tenant, &store, request);
    Ok(Json(asked.await?))
}

async fn status(
    State(served): State<Served>,
    Extension(principal): Extension<Principal>,
    Path(store): Path<String>,
) -> Result<Json<RebuildObject>, Refusal> {
    permitted(&principal, Scope::Read, "read")?;
    plain(&[&store])?;
    let _permit = served.admission.admit(&principal, Entrant::PLAIN).await?;
    Ok(Json(
        served.service.status(&principal.tenant, &store).await?,
    ))
}
