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
use http_body::{Body as _, Frame};
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
        let (mut parts, mut body) = request.into_parts();
        let read = self.read(tenant, &mut parts.headers, &mut body);
        let (whole, held) = match read.await {
            Ok(read) => read,
            Err(refusal) => {
                drain(Body::new(body)).await;
                return Err(refusal);
            }
        };
        let tenant_name = HeaderValue::from_str(tenant).unwrap_or(HeaderValue::from_static(""));
        parts.headers.insert(TENANT_HEADER, tenant_name);
        parts.headers.insert(CONTENT_LENGTH, whole.len().into());
        if let Some(pace) = rates.pace(tenant, &rates.of(principal)).filter(|_| embeds) {
            pace.overdraw(tokens(&parts.headers))?;
        }
        let turn = self.turn(tenant).await?;
        let request = Request::from_parts(parts, Body::from(whole));
        let Ok(response) = self.router.clone().oneshot(request).await;
        drop((turn, held));
        let (parts, inner) = response.into_parts();
        let length = inner.size_hint().exact().unwrap_or(MAX_BODY);
        let length = usize::try_from(length).unwrap_or(SHARE);
        let held = self.room.take(tenant, length, PATIENCE).await?;
        Ok(Response::from_parts(
            parts,
            Body::new(Charged { inner, held }),
        ))
    }
}

impl Embeddings {
    /// The whole body, as it was before it was compressed, with all that the request will hold, which is
    /// taken when the body's first bytes have come.
    async fn read(
        &self,
        tenant: &str,
        headers: &mut HeaderMap,
        body: &mut Incoming,
    ) -> Result<(Bytes, Held), ApiError> {
        let encoding = encoding(headers)?;
        let announced = body.size_hint();
        if announced.lower() > MAX_BODY {
            return Err(too_large());
        }
        let length = announced.exact().unwrap_or(MAX_BODY) as usize;
        let collect = async {
            let first = body.frame().await;
            let held = self.room.take(tenant, most(length, encoding), PATIENCE);
            let held = held.await?;
            Ok::<_, ApiError>((collect(first, body).await?, held))
        };
        let collected = tokio::time::timeout(BODY_TIMEOUT, collect).await;
        let (whole, mut held) = collected.unwrap_or_else(|_| Err(late()))?;
        let whole = decoded(encoding, whole).await?;
        held.keep(whole.len() + vectors_of(whole.len()));
        Ok((whole, held))
    }

    async fn turn(&self, tenant: &str) -> Result<Place, Overloaded> {
        let tenant = Arc::from(tenant);
        let taken = self.turns.take(&tenant, Urgency::Later);
        let taken = tokio::time::timeout(PATIENCE, taken).await;
        taken.ok().and_then(Result::ok).ok_or(Overloaded)
    }
}

/// The most bytes that a request with a body of that length takes.
fn most(length: usize, encoding: Encoding) -> usize {
    /// Of a byte of deflate's come 1,032 at most (zlib's technical details: 258 from two bits).
    const EXPANSION: usize = 1_032;
    match encoding {
        Encoding::Identity => length + vectors_of(length),
        _ => {
            let decoded = length.saturating_mul(EXPANSION).min(MAX_BODY_BYTES);
            length + decoded + vectors_of(decoded)
        }
    }
}

/// The most bytes that the vectors of a body's texts take: each text takes three bytes of it.
fn vectors_of(body: usize) -> usize {
    const TEXT: usize = 3;
    const MOST: usize = 2_048;
    (body / TEXT + 1).min(MOST) * DIMENSION * size_of::<f32>()
}

type Received = Option<Result<Frame<Bytes>, hyper::Error>>;

/// The whole body, of which the first frame has come.
async fn collect(first: Received, body: &mut Incoming) -> Result<Bytes, ApiError> {
    let mut read = Vec::new();
    let mut next = first;
    while let Some(frame) = next {
        let frame = frame.map_err(|error| {
            ApiError::invalid_request(format!("The body could not be read: {error}"))
        })?;
        if let Ok(data) = frame.into_data() {
            if read.len() + data.len() > MAX_BODY_BYTES {
                return Err(too_large());
            }
            read.extend_from_slice(&data);
        }
        next = body.frame().await;
    }
    Ok(read.into())
}

/// How the body is compressed; the embedder behind knows nothing of it.
fn encoding(headers: &mut HeaderMap) -> Result<Encoding, ApiError> {
    let named = headers.remove(CONTENT_ENCODING);
    let named = named
        .as_ref()
        .map(|name| name.to_str().unwrap_or("unreadable"));
    match Encoding::parse(named)? {
        known @ (Encoding::Identity | Encoding::Gzip | Encoding::Deflate) => Ok(known),
        Encoding::Brotli | Encoding::Zstd => {
            let text = "Requests for embeddings may be compressed with gzip or deflate; send it so, or as it is.";
            Err(ApiError::new(Code::UnsupportedMediaType, text))
        }
    }
}

/// The body as it was before it was compressed.
async fn decoded(encoding: Encoding, whole: Bytes) -> Result<Bytes, ApiError> {
    if encoding == Encoding::Identity {
        return Ok(whole);
    }
    let decode = move || {
        let mut read = Vec::new();
        let reader = encoding.decode(Cursor::new(whole))?;
        reader.take(MAX_BODY + 1).read_to_end(&mut read)?;
        Ok::<_, std::io::Error>(read)
    };
    let decoded = tokio::task::spawn_blocking(decode).await;
    match decoded.map_err(std::io::Error::other).flatten() {
        Ok(read) if read.len() > MAX_BODY_BYTES => Err(too_large()),
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
