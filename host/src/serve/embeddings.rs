//! `POST /v1/embeddings` from outside.

use std::io::{Cursor, Read as _};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use dayfly_core::api::{ApiError, Code};
use dayfly_embedder::{BODY_TIMEOUT, DIMENSION, MAX_BODY_BYTES, TENANT_HEADER, drain};
use dayfly_intake::Encoding;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tower::ServiceExt;

use crate::identity::Principal;
use crate::quota::Rates;
use crate::runtime::{Charged, Held, Room, tokens};
use crate::turns::Overloaded;
use crate::turns::{Place, Turns, Urgency};

/// What requests and answers of callers outside may hold together, beside what waits in the embedder.
const ROOM: usize = 64 << 20;
/// Of each tenant.
const SHARE: usize = 16 << 20;
const MAX_BODY: u64 = MAX_BODY_BYTES as u64;
/// Requests in the embedder at once, and those of one tenant.
const REQUESTS: usize = 64;
const REQUESTS_OF_A_TENANT: usize = 32;
/// So long a request waits for room, and for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// The embedder for callers outside. What is held for one of them, a body once it begins to come and
/// an answer until it is sent, is charged to its tenant: connections that send nothing hold nothing.
pub struct Embeddings {
    router: Router,
    room: Arc<Room>,
    turns: Arc<Turns>,
}

impl Embeddings {
    /// In front of the embedder's router.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            room: Room::new(ROOM, SHARE),
            turns: Turns::new(REQUESTS, REQUESTS_OF_A_TENANT, REQUESTS),
        }
    }

    /// Answers a request of a tenant.
    pub async fn answer(
        &self,
        rates: &Arc<Rates>,
        principal: &Principal,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, ApiError> {
        let embeds = request.method() == Method::POST;
        let _under_way = rates.begin(principal, embeds)?;
        let tenant = principal.tenant.as_str();
        let mut held = self.room.hold(tenant);
        let (mut parts, mut body) = request.into_parts();
        let read = tokio::time::timeout(BODY_TIMEOUT, read(&mut body, &mut held)).await;
        let whole = match read.unwrap_or_else(|_| Err(late())) {
            Ok(whole) => whole,
            Err(refusal) => {
                drop(held);
                drain(Body::new(body)).await;
                return Err(refusal);
            }
        };
        let whole = decoded(&mut parts.headers, whole, &mut held).await?;
        let tenant_name = HeaderValue::from_str(tenant).unwrap_or(HeaderValue::from_static(""));
        parts.headers.insert(TENANT_HEADER, tenant_name);
        held.grow(vectors_of(whole.len()), PATIENCE).await?;
        parts.headers.insert(CONTENT_LENGTH, whole.len().into());
        if let Some(pace) = rates.pace(tenant, &rates.of(principal)).filter(|_| embeds) {
            pace.overdraw(tokens(&parts.headers))?;
        }
        let turn = self.turn(tenant).await?;
        let request = Request::from_parts(parts, Body::from(whole));
        let Ok(response) = self.router.clone().oneshot(request).await;
        // Given back first: who waits for more must hold nothing.
        drop((turn, held));
        let mut held = self.room.hold(tenant);
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

/// The most bytes that the vectors of a body's texts take: each text takes three bytes of it.
fn vectors_of(body: usize) -> usize {
    const TEXT: usize = 3;
    const MOST: usize = 2_048;
    (body / TEXT + 1).min(MOST) * DIMENSION * size_of::<f32>()
}

impl Embeddings {
    async fn turn(&self, tenant: &str) -> Result<Place, Overloaded> {
        let tenant = Arc::from(tenant);
        let taken = self.turns.take(&tenant, Urgency::Later);
        let taken = tokio::time::timeout(PATIENCE, taken).await;
        taken.ok().and_then(Result::ok).ok_or(Overloaded)
    }
}

/// The whole body. Room for all of it is taken when its first bytes have come.
async fn read(body: &mut Incoming, held: &mut Held) -> Result<Bytes, ApiError> {
    let announced = body.size_hint().lower();
    if announced > MAX_BODY {
        return Err(too_large());
    }
    let mut read = Vec::new();
    let mut taken = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            ApiError::invalid_request(format!("The body could not be read: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = (read.len() + data.len()) as u64;
        if length > MAX_BODY {
            return Err(too_large());
        }
        let wanted = length.max(announced);
        held.grow((wanted - taken) as usize, PATIENCE).await?;
        taken = wanted;
        read.extend_from_slice(&data);
    }
    Ok(read.into())
}

/// The body as it was before it was compressed. Room for all that it may be is taken meanwhile.
async fn decoded(
    headers: &mut HeaderMap,
    whole: Bytes,
    held: &mut Held,
) -> Result<Bytes, ApiError> {
    let named = headers.remove(CONTENT_ENCODING);
    let named = named
        .as_ref()
        .map(|name| name.to_str().unwrap_or("unreadable"));
    let encoding = match Encoding::parse(named)? {
        Encoding::Identity => return Ok(whole),
        known @ (Encoding::Gzip | Encoding::Deflate) => known,
        Encoding::Brotli | Encoding::Zstd => {
            let text = "Requests for embeddings may be compressed with gzip or deflate; send it so, or as it is.";
            return Err(ApiError::new(Code::UnsupportedMediaType, text));
        }
    };
    held.grow(MAX_BODY_BYTES, PATIENCE).await?;
    let decode = move || {
        let mut read = Vec::new();
        let reader = encoding.decode(Cursor::new(whole))?;
        reader.take(MAX_BODY + 1).read_to_end(&mut read)?;
        Ok::<_, std::io::Error>(read)
    };
    let decoded = tokio::task::spawn_blocking(decode).await;
    match decoded.map_err(std::io::Error::other).flatten() {
        Ok(read) if read.len() as u64 > MAX_BODY => Err(too_large()),
        Ok(read) => Ok(read.into()),
        Err(fault) => Err(ApiError::invalid_request(format!(
            "The body is not what its header 'content-encoding' says: {fault}."
        ))),
    }
}

fn too_large() -> ApiError {
    let text = format!("The body is larger than {MAX_BODY} bytes: split the input.");
    ApiError::plain(413, text)
}

fn late() -> ApiError {
    let text = format!("The body did not arrive within {BODY_TIMEOUT:?}.");
    ApiError::plain(408, text)
}
