//! Requests that guests send.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::body::Deadlined;
use crate::quota::Pace;
use crate::turns::{Turns, Urgency};
use anyhow::{Context as _, bail};
use dayfly_core::embedding::location::{self, is_dots};
use dayfly_embedder::{TENANT_HEADER, URGENT_HEADER};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue, LOCATION};
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::BodyExt;
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// Requests of one instance under way at once; more wait.
const CONCURRENT_REQUESTS: usize = 32;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests of all instances under way at once, and those of one tenant: more wait for their tenant's
/// turn.
const REQUESTS: usize = 32;
const REQUESTS_OF_A_TENANT: usize = 24;
const IDLE_CONNECTIONS: usize = REQUESTS;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// So many places are remembered to which a provider sent requests on, the last ones.
const MOST_MOVED: usize = 8;

type Worker = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = (Response<WasiBody>, Worker);

/// The one destination that guests may reach, what it wants to be shown, and the connections to it.
pub struct Destination {
    base: Uri,
    headers: HeaderMap,
    /// Paths beside the base's to which it sent requests on.
    moved: Mutex<VecDeque<String>>,
    timeout: Duration,
    client: Client<HttpsConnector<HttpConnector>, WasiBody>,
    turns: Arc<Turns>,
    is_own: bool,
}

impl Destination {
    /// Guests may reach `url` and what lies below its path, and where on the same host that sends them on.
    /// The headers are sent along; no guest sees them. A request takes at most `timeout`, its answer
    /// included.
    pub fn new(url: &str, headers: HeaderMap, timeout: Duration) -> anyhow::Result<Self> {
        let base: Uri = url
            .parse()
            .with_context(|| format!("embed.url is no URL: {url}"))?;
        if !matches!(base.scheme_str(), Some("http" | "https")) || base.authority().is_none() {
            bail!("embed.url must be a whole http or https URL, not {url}");
        }
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let connector = tls(base.scheme_str() == Some("https"))?
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            base,
            headers,
            moved: Mutex::default(),
            timeout,
            client,
            turns: Turns::keeping_some(REQUESTS, REQUESTS_OF_A_TENANT, usize::MAX),
            is_own: false,
        })
    }

    /// It is this process's own, and told whom a request is for.
    pub fn own(mut self) -> Self {
        self.is_own = true;
        self
    }

    fn allows(&self, uri: &Uri) -> bool {
        let below = |path: &str| {
            let base = self.base.path().trim_end_matches('/');
            let rest = path.strip_prefix(base);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                && !path.split('/').any(is_dots)
        };
        self.is_same_host(uri)
            && (below(uri.path()) || self.moved().iter().any(|path| path == uri.path()))
    }

    fn is_same_host(&self, uri: &Uri) -> bool {
        uri.scheme() == self.base.scheme() && uri.authority() == self.base.authority()
    }

    fn moved(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in where a response sends its request on.
    fn note_redirect<B>(&self, asked: &Uri, response: &Response<B>) {
        if !location::FOLLOWED.contains(&response.status().as_u16()) {
            return;
        }
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|text| text.to_str().ok());
        let next = location.and_then(|text| location::resolve(&asked.to_string(), text));
        let Some(next) = next.and_then(|next| next.parse::<Uri>().ok()) else {
            return;
        };
        let mut moved = self.moved();
        if self.is_same_host(&next) && !moved.iter().any(|path| path == next.path()) {
            moved.push_back(next.path().to_owned());
            if moved.len() > MOST_MOVED {
                moved.pop_front();
            }
        }
    }
}

fn tls(needed: bool) -> anyhow::Result<HttpsConnectorBuilder<WantsSchemes>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = HttpsConnectorBuilder::new();
    if needed {
        return builder
            .with_provider_and_native_roots(provider)
            .context("embed.url is https, and the system has no root certificates: install its ca-certificates");
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.with_tls_config(config))
}

/// One instance's way out.
pub struct Outbound {
    destination: Arc<Destination>,
    left: Arc<AtomicU32>,
    concurrent: Arc<Semaphore>,
    tenant: Arc<str>,
    urgency: Urgency,
    pace: Option<Arc<Pace>>,
}

impl Outbound {
    /// Allows at most `requests`, all to `destination`, in the tenant's turns.
    pub fn new(
        destination: Arc<Destination>,
        requests: u32,
        tenant: &str,
        urgency: Urgency,
    ) -> Self {
        Self {
            destination,
            left: Arc::new(AtomicU32::new(requests)),
            concurrent: Arc::new(Semaphore::new(CONCURRENT_REQUESTS)),
            tenant: tenant.into(),
            urgency,
            pace: None,
        }
    }

    /// Slows down to that.
    pub fn at(mut self, pace: Option<Pace>) -> Self {
        self.pace = pace.map(Arc::new);
        self
    }

    fn prepare(&self, headers: &mut HeaderMap) {
        headers.remove(AUTHORIZATION);
        for (name, value) in &self.destination.headers {
            headers.insert(name, value.clone());
        }
        headers.remove(TENANT_HEADER);
        headers.remove(URGENT_HEADER);
        if !self.destination.is_own {
            return;
        }
        if let Ok(tenant) = HeaderValue::from_str(&self.tenant) {
            headers.insert(TENANT_HEADER, tenant);
        }
        if self.urgency == Urgency::Now {
            headers.insert(URGENT_HEADER, HeaderValue::from_static("1"));
        }
    }

    fn take(&self, uri: &Uri) -> Result<(), Error> {
        if !self.destination.allows(uri) {
            tracing::warn!(%uri, "a guest asked for a destination that is not configured");
            return Err(Error::HttpRequestDenied);
        }
        let left = self
            .left
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| Error::ConnectionLimitReached)
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Worker,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        if let Err(error) = self.take(request.uri()) {
            return Box::new(async { Err(error) });
        }
        self.prepare(request.headers_mut());
        let asked = request.uri().clone();
        let destination = Arc::clone(&self.destination);
        let concurrent = Arc::clone(&self.concurrent);
        let (tenant, urgency) = (Arc::clone(&self.tenant), self.urgency);
        let (pace, tokens) = (self.pace.clone(), tokens(request.headers()));
        Box::new(async move {
            if let Some(pace) = pace {
                pace.take(tokens, urgency).await;
            }
            let place = concurrent.acquire_owned().await;
            let turn = destination.turns.take(&tenant, urgency).await;
            let limit = options.and_then(|options| options.first_byte_timeout);
            let deadline = Instant::now() + destination.timeout;
            let head = limit.map_or(deadline, |limit| deadline.min(Instant::now() + limit));
            let response = tokio::time::timeout_at(head, destination.client.request(request))
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?
                .map_err(|error| explain(&error))?;
            destination.note_redirect(&asked, &response);
            // Lives as long as the response's body does.
            let worker: Worker = Box::new(async move {
                let _held = (place, turn);
                std::future::pending().await
            });
            Ok((
                response.map(|body| Deadlined::new(body, deadline).boxed_unsync()),
                worker,
            ))
        })
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        2
    }
}

/// Tokens of the text that a request has embedded, as far as its length tells: English has four bytes for
/// each (OpenAI's help centre, "What are tokens and how to count them?").
pub fn tokens(headers: &HeaderMap) -> u64 {
    const BYTES: u64 = 4;
    let length = headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    length.unwrap_or(0).div_ceil(BYTES)
}

fn explain(error: &hyper_util::client::legacy::Error) -> Error {
    tracing::debug!(error = ?error, "an outbound request failed");
    if !error.is_connect() {
        return Error::ConnectionTerminated;
    }
    let mut source: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                _ => {}
            }
        }
        source = cause.source();
    }
    Error::DestinationUnavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(base: &str, uri: &str) -> bool {
        Destination::new(base, HeaderMap::new(), Duration::ZERO)
            .unwrap()
            .allows(&uri.parse().unwrap())
    }

    #[test]
    fn only_the_configured_scheme_authority_and_path_are_allowed() {
        let base = "http://127.0.0.1:9/v1/embeddings";
        assert!(allowed(base, "http://127.0.0.1:9/v1/embeddings"));
        assert!(allowed(base, "http://127.0.0.1:9/v1/embeddings/x?y=1"));
        for other in [
            "https://127.0.0.1:9/v1/embeddings",
            "http://127.0.0.1:10/v1/embeddings",
            "http://127.0.0.2:9/v1/embeddings",
            "http://user@127.0.0.1:9/v1/embeddings",
            "http://127.0.0.1:9/v1/embeddingsx",
            "http://127.0.0.1:9/v1",
            "http://127.0.0.1:9/v1/embeddings/../../admin",
            "http://127.0.0.1:9/v1/embeddings/%2E%2e/%2e./admin",
        ] {
            assert!(!allowed(base, other), "{other}");
        }
    }

    #[test]
    fn requests_end_with_their_number() {
        let destination = Arc::new(
            Destination::new("http://127.0.0.1:9/", HeaderMap::new(), Duration::ZERO).unwrap(),
        );
        let outbound = Outbound::new(destination, 2, "a", Urgency::Later);
        let uri = "http://127.0.0.1:9/".parse().unwrap();
        assert!(outbound.take(&uri).is_ok());
        assert!(outbound.take(&uri).is_ok());
        assert!(matches!(
            outbound.take(&uri),
            Err(Error::ConnectionLimitReached)
        ));
    }

    fn sent(destination: Destination, urgency: Urgency) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(TENANT_HEADER, HeaderValue::from_static("another"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer guess"));
        let outbound = Outbound::new(Arc::new(destination), 1, "acme", urgency);
        outbound.prepare(&mut headers);
        headers
    }

    #[test]
    fn only_the_own_embedder_is_told_whom_it_is_for() {
        let destination =
            || Destination::new("http://127.0.0.1:9/", HeaderMap::new(), Duration::ZERO);
        assert!(sent(destination().unwrap(), Urgency::Now).is_empty());
        let told = sent(destination().unwrap().own(), Urgency::Now);
        assert_eq!(told[TENANT_HEADER], "acme");
        assert!(told.contains_key(URGENT_HEADER));
        let told = sent(destination().unwrap().own(), Urgency::Later);
        assert!(!told.contains_key(URGENT_HEADER));
    }

    #[test]
    fn a_url_that_names_no_server_is_refused_at_the_start() {
        for url in ["", "/v1/embeddings", "ftp://a/b", "localhost:8080"] {
            assert!(
                Destination::new(url, HeaderMap::new(), Duration::ZERO).is_err(),
                "{url}"
            );
        }
    }
}
