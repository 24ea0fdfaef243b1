//! The way out: the allowed hosts, over connections that all instances share.

use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::grant::Grant;

/// Keeps connections for the next request.
pub type HttpClient = Client<HttpConnector, WasiBody>;

type Worker = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = (Response<WasiBody>, Worker);

/// A client of plain HTTP.
pub fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// One instance's way out.
pub struct Outbound {
    client: HttpClient,
    grant: Arc<Grant>,
}

impl Outbound {
    /// To the hosts of `grant`.
    pub fn new(client: HttpClient, grant: Arc<Grant>) -> Self {
        Self { client, grant }
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Worker,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        if !self.grant.hosts.allow(request.uri()) {
            eprintln!(
                "refused: {} is not in allowed_outbound_hosts",
                request.uri()
            );
            return Box::new(async { Err(Error::HttpRequestDenied) });
        }
        let client = self.client.clone();
        Box::new(async move {
            let head = client.request(request);
            let head = match options.and_then(|options| options.first_byte_timeout) {
                None => head.await,
                Some(limit) => tokio::time::timeout(limit, head)
                    .await
                    .map_err(|_| Error::ConnectionReadTimeout)?,
            };
            let response = head.map_err(|error| explain(&error))?;
            let worker: Worker = Box::new(async { Ok(()) });
            Ok((
                response.map(|body| body.map_err(Error::from).boxed_unsync()),
                worker,
            ))
        })
    }
}

fn explain(error: &hyper_util::client::legacy::Error) -> Error {
    match error.is_connect() {
        true => Error::ConnectionRefused,
        false => Error::ConnectionTerminated,
    }
}
