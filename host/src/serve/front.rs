//! From a request to whoever answers it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use dayfly_core::api::routes::HostOperation;
use dayfly_core::api::{ApiError, Code, FRONT_PAGE};
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tower::ServiceExt;
use wasmtime_wasi_http::Error as WasiError;

use super::answer;
use super::cors::Cors;
use super::embeddings::Embeddings;
use super::health::Health;
use super::origin;
use super::request_id::{REQUEST_ID, request_id};
use super::routes::{Route, route};
use super::usage;
use crate::admission::{Admission, Entrant, Refused};
use crate::guests::Guest;
use crate::identity::{AuthError, Principal, Scope};
use crate::metrics::{CONTENT_TYPE, Metrics, Outcome};
use crate::options::LimitOptions;
use crate::platform::{Instance, Platform};
use crate::quota::Standing;
use crate::rebuild;
use crate::runtime::{Call, Charged, InstanceLimits, Runtime};
use crate::turns::Urgency;

/// What a form adds to the bytes that it carries, so that a whole part or file fits in its body.
const FORM_BYTES: u64 = 16 << 10;

const HTML: &str = "text/html; charset=utf-8";

/// Headers that only the host may send to a guest.
const INTERNAL_PREFIX: &str = "x-dayfly-";

/// Answers requests from outside.
pub struct Front {
    /// Runs the guests.
    pub runtime: Arc<Runtime>,
    /// Their platform.
    pub platform: Arc<Platform>,
    /// Lets web pages of other sites in.
    pub cors: Cors,
    /// Lets requests in.
    pub admission: Arc<Admission>,
    /// Counts them.
    pub metrics: Arc<Metrics>,
    /// The limits of one of them.
    pub limits: LimitOptions,
    /// Answers probes.
    pub health: Health,
    /// The embedded embedder, unless another is configured.
    pub embeddings: Option<Embeddings>,
    /// Searches of them, for guests elsewhere.
    pub searches: Option<Router>,
}

/// Counts a request when it ends, also when its client goes away first.
struct Counted<'a> {
    metrics: &'a Metrics,
    guest: Guest,
    outcome: Outcome,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.metrics.request(self.guest, self.outcome);
    }
}

impl Front {
    /// Answers one request. The response carries its id.
    pub async fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        let id = request_id(request.headers());
        let id_header = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("unknown"));
        clean(&mut request, &id_header);
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let mut standing = Standing::default();
        let mut response = match route(&path) {
            _ if self.is_foreign(request.headers()) => Err(answer::foreign_origin()),
            Route::Guest(guest) => self.guest(guest, request, &id, &mut standing).await,
            Route::Host(operation) => self.host(operation, request, &mut standing).await,
            Route::Unknown => Err(answer::unknown_path(&path)),
        }
        .unwrap_or_else(|error| answer::error(&error));
        response.headers_mut().insert(REQUEST_ID, id_header);
        standing.write(response.headers_mut());
        tracing::debug!(%id, %method, path, status = response.status().as_u16());
        response
    }

    async fn guest(
        &self,
        guest: Guest,
        request: Request<Incoming>,
        id: &Arc<str>,
        standing: &mut Standing,
    ) -> Result<Response<Body>, ApiError> {
        let mut counted = Counted {
            metrics: &self.metrics,
            guest,
            outcome: Outcome::Cancelled,
        };
        let principal = self.principal(request.headers()).map_err(|error| {
            counted.outcome = Outcome::Unauthorized;
            answer::unauthorized(&error)
        })?;
        if request.body().size_hint().lower() > self.body_limit() {
            counted.outcome = Outcome::TooLarge;
            return Err(answer::body_too_large(&self.limits));
        }
        let entrant = Entrant {
            urgency: Urgency::of(guest),
            embeds: guest == Guest::Search || request.uri().path() == "/upload",
        };
        let permit = self.admission.admit(&principal, entrant).await;
        *standing = self.admission.standing(&principal);
        let permit = permit.inspect_err(|refused| counted.outcome = outcome(refused))?;
        let (permit, under_way) = permit.split();
        let call = Call {
            guest,
            request: request.map(|body| body.map_err(WasiError::from).boxed_unsync()),
            body_limit: self.body_limit(),
            request_id: Arc::clone(id),
            limits: self.instance_limits(),
            platform: Instance::for_request(Arc::clone(&self.platform), principal),
            permit: Some(permit),
        };
        match self.runtime.call(call).await {
            Ok(reply) => {
                counted.outcome = Outcome::of_status(reply.response.status().as_u16());
                let sent = |body| {
                    Body::new(Charged {
                        inner: body,
                        held: under_way,
                    })
                };
                Ok(reply.response.map(sent))
            }
            Err(death) => {
                counted.outcome = death.outcome();
                Err(answer::death(&death, &self.limits))
            }
        }
    }

    /// What the host answers itself.
    async fn host(
        &self,
        operation: HostOperation,
        request: Request<Incoming>,
        standing: &mut Standing,
    ) -> Result<Response<Body>, ApiError> {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match operation {
            HostOperation::Embed | HostOperation::ListModels | HostOperation::GetModel => {
                self.embedder(request, standing).await
            }
            HostOperation::SearchIndex => self.index(request).await,
            _ if !reads => Err(answer::method_not_allowed()),
            HostOperation::GetUsage | HostOperation::GetUsageOfAll => {
                self.usage(operation, request, standing).await
            }
            HostOperation::GetFrontPage => Ok(answer::text(HTML, FRONT_PAGE)),
            HostOperation::GetHealth => self.health.live().await.map(|()| answer::well()),
            HostOperation::GetReadiness => self.health.ready().await.map(|()| answer::well()),
            HostOperation::GetMetrics => Ok(answer::text(CONTENT_TYPE, self.metrics.render())),
        }
    }

    async fn index(&self, request: Request<Incoming>) -> Result<Response<Body>, ApiError> {
        let Some(searches) = &self.searches else {
            return Err(ApiError::new(Code::NotConfigured, rebuild::NO_FAISS));
        };
        let Ok(response) = searches.clone().oneshot(request.map(Body::new)).await;
        Ok(response)
    }

    async fn embedder(
        &self,
        request: Request<Incoming>,
        standing: &mut Standing,
    ) -> Result<Response<Body>, ApiError> {
        let Some(embeddings) = &self.embeddings else {
            return Err(ApiError::not_found(
                "This server has no embedder of its own: ask the one that it is configured with.",
            ));
        };
        let principal = self
            .principal(request.headers())
            .map_err(|error| answer::unauthorized(&error))?;
        if !principal.may(Scope::Read) && !principal.may(Scope::Write) {
            let text = "The token lacks the scopes 'read' and 'write', one of which this request needs; use one that has it.";
            return Err(ApiError::new(Code::InsufficientPermissions, text));
        }
        let answered = embeddings
            .answer(&self.platform.rates, &principal, request)
            .await;
        *standing = self.admission.standing(&principal);
        answered
    }

    async fn usage(
        &self,
        operation: HostOperation,
        request: Request<Incoming>,
        standing: &mut Standing,
    ) -> Result<Response<Body>, ApiError> {
        let principal = self
            .principal(request.headers())
            .map_err(|error| answer::unauthorized(&error))?;
        let permit = self.admission.admit(&principal, Entrant::PLAIN).await;
        *standing = self.admission.standing(&principal);
        let _permit = permit?;
        if operation == HostOperation::GetUsage {
            return usage::own(&self.platform, &self.admission, &principal).await;
        }
        let query = request.uri().query().unwrap_or_default();
        usage::all(&self.platform, &self.admission, &principal, query).await
    }

    /// Whether a server that asks for no token was called by somebody who does not mean this machine, or by
    /// a page that was not let in.
    fn is_foreign(&self, headers: &HeaderMap) -> bool {
        !self.platform.verifier.needs_token()
            && !origin::is_local(headers, self.cors.admits(headers))
    }

    fn principal(&self, headers: &HeaderMap) -> Result<Principal, AuthError> {
        let authorization = headers
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap_or(""));
        self.platform.verifier.verify(authorization)
    }

    fn body_limit(&self) -> u64 {
        (u64::from(self.limits.body_mib) << 20) + FORM_BYTES
    }

    fn instance_limits(&self) -> InstanceLimits {
        InstanceLimits {
            memory_bytes: u64::from(self.limits.memory_mib) << 20,
            cpu: Duration::from_millis(self.limits.cpu_ms),
            wall: Duration::from_millis(self.limits.wall_ms),
            outbound_requests: self.limits.outbound_requests,
        }
    }
}

fn outcome(refused: &Refused) -> Outcome {
    match refused {
        Refused::Overloaded => Outcome::Overloaded,
        Refused::TooMuch(_) => Outcome::RateLimited,
    }
}

/// Removes what only the host may say, and adds what guests rely on.
fn clean(request: &mut Request<Incoming>, id: &HeaderValue) {
    let headers = request.headers_mut();
    let internal: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(INTERNAL_PREFIX))
        .cloned()
        .collect();
    for name in internal {
        headers.remove(name);
    }
    headers.insert(REQUEST_ID, id.clone());
    // HTTP/1.0 needs none, WASI does; and it has to be text.
    if headers.get(HOST).is_none_or(|host| host.to_str().is_err()) {
        headers.insert(HOST, HeaderValue::from_static("localhost"));
    }
    // Guests get the path alone, also where the client sent a whole URL.
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(path);
    }
}
