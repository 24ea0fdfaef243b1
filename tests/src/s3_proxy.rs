//! A proxy before an S3 that loses, delays and refuses what it is told to.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::s3::Bucket;

/// A proxy; it stops when dropped. Hosts are passed on as they came, because signatures cover them.
pub struct S3Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// What happens to one request.
#[derive(Clone, Debug)]
pub enum S3Fault {
    /// An error with this status and S3 error code; the storage does not see the request.
    Status(u16, &'static str),
    /// The connection ends; the storage does not see the request.
    CutBefore,
    /// The storage does what it was asked for, and its answer is lost.
    CutAfter,
    /// The answer ends in the middle of its body.
    CutBody,
    /// The request waits for [`S3Proxy::release`].
    Hold,
    /// The request takes so much longer.
    Slow(Duration),
    /// The object is written whether there is one or not, as by a storage that does not know
    /// conditions. The header is signed, so the object that is in the way goes instead.
    IgnoreCondition,
}

/// A request, as far as rules tell requests apart.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The object's key; empty for requests to the bucket.
    pub key: String,
    /// The query, signature and all.
    pub query: String,
    /// Whether it creates only what does not exist.
    pub create: bool,
    /// The text that names what is deleted in bulk; empty for other requests.
    pub deleted: String,
}

impl Asked {
    /// Whether it deletes an object whose key has `part` in it, alone or in bulk.
    pub fn deletes(&self, part: &str) -> bool {
        (self.method == Method::DELETE && self.key.contains(part)) || self.deleted.contains(part)
    }
}

type Applies = Box<dyn Fn(&Asked) -> bool + Send>;
type Body = UnsyncBoxBody<Bytes, io::Error>;

struct Rule {
    applies: Applies,
    fault: S3Fault,
    left: usize,
}

struct Shared {
    upstream: String,
    prefix: String,
    rules: Mutex<Vec<Rule>>,
    asked: Mutex<Vec<Asked>>,
    faults: watch::Sender<usize>,
    held: watch::Sender<u64>,
    remove: Box<dyn Fn(&str) + Send + Sync>,
}

impl S3Proxy {
    /// A proxy before `bucket`'s server, on a free port of loopback. It fails nothing yet.
    ///
    /// # Panics
    /// When there is no port.
    pub fn before(bucket: &Bucket) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listening = TcpListener::bind(("127.0.0.1", 0));
        let listener = runtime.block_on(listening).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: bucket.authority(),
            prefix: format!("/{}/", bucket.name()),
            rules: Mutex::default(),
            asked: Mutex::default(),
            faults: watch::Sender::new(0),
            held: watch::Sender::new(0),
            remove: Box::new(bucket.remover()),
        });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            shared,
            address,
            runtime: Some(runtime),
        }
    }

    /// `http://host:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next `times` requests that `applies` to fail like this. Of several rules the oldest wins.
    pub fn fail(
        &self,
        times: usize,
        fault: S3Fault,
        applies: impl Fn(&Asked) -> bool + Send + 'static,
    ) {
        self.shared.rules.lock().unwrap().push(Rule {
            applies: Box::new(applies),
            fault,
            left: times,
        });
    }

    /// Forgets all rules, and lets go what waits.
    pub fn release(&self) {
        self.shared.rules.lock().unwrap().clear();
        self.shared.held.send_modify(|round| *round += 1);
    }

    /// How many requests failed, those that wait included.
    pub fn faults(&self) -> usize {
        *self.shared.faults.borrow()
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for S3Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, Arc::clone(&shared)));
            // A connection that a fault cuts ends here with an error, on purpose.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::from_parts(head, body);
    let mut held = shared.held.subscribe();
    held.mark_unchanged();
    let fault = shared.fault_of(&request);
    match fault {
        Some(S3Fault::Status(status, code)) => Ok(error(status, code)),
        Some(S3Fault::CutBefore) => Err(io::Error::other("cut before it was passed on")),
        Some(S3Fault::CutAfter) => {
            forward(request, &shared.upstream).await?;
            Err(io::Error::other("the answer is lost"))
        }
        Some(S3Fault::CutBody) => Ok(halved(forward(request, &shared.upstream).await?)),
        Some(S3Fault::Hold) => {
            let _ = held.changed().await;
            Ok(whole(forward(request, &shared.upstream).await?))
        }
        Some(S3Fault::Slow(by)) => {
            tokio::time::sleep(by).await;
            Ok(whole(forward(request, &shared.upstream).await?))
        }
        Some(S3Fault::IgnoreCondition) => {
            (shared.remove)(shared.key(&request));
            Ok(whole(forward(request, &shared.upstream).await?))
        }
        None => Ok(whole(forward(request, &shared.upstream).await?)),
    }
}

impl Shared {
    fn key<'a, B>(&self, request: &'a Request<B>) -> &'a str {
        let path = request.uri().path();
        path.strip_prefix(&self.prefix).unwrap_or("")
    }

    fn fault_of(&self, request: &Request<Bytes>) -> Option<S3Fault> {
        let query = request.uri().query().unwrap_or("");
        let is_bulk = request.method() == Method::POST && query.split('&').any(is_delete);
        let asked = Asked {
            method: request.method().clone(),
            key: self.key(request).to_owned(),
            query: query.to_owned(),
            deleted: match is_bulk {
                true => String::from_utf8_lossy(request.body()).into_owned(),
                false => String::new(),
            },
            create: request.headers().contains_key("if-none-match"),
        };
        self.asked.lock().unwrap().push(asked.clone());
        let mut rules = self.rules.lock().unwrap();
        let mut armed = rules.iter_mut().filter(|rule| rule.left > 0);
        let rule = armed.find(|rule| (rule.applies)(&asked))?;
        rule.left -= 1;
        self.faults.send_modify(|count| *count += 1);
        Some(rule.fault.clone())
    }
}

/// S3's multi-object delete.
fn is_delete(parameter: &str) -> bool {
    parameter.split('=').next() == Some("delete")
}

async fn forward(request: Request<Bytes>, upstream: &str) -> io::Result<Response<Bytes>> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let response = sender.send_request(request.map(Full::new));
    let (head, body) = response.await.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(head, body))
}

fn whole(response: Response<Bytes>) -> Response<Body> {
    let mut response = response.map(|bytes| {
        let body = Full::new(bytes);
        UnsyncBoxBody::new(body.map_err(|never| match never {}))
    });
    for of_connection in ["connection", "transfer-encoding"] {
        response.headers_mut().remove(of_connection);
    }
    response
}

fn halved(response: Response<Bytes>) -> Response<Body> {
    let half = response.body().slice(..response.body().len() / 2);
    let frames = futures::stream::iter([
        Ok(Frame::data(half)),
        Err(io::Error::other("cut in the middle")),
    ]);
    let mut response = whole(response);
    *response.body_mut() = UnsyncBoxBody::new(StreamBody::new(frames));
    response
}

fn error(status: u16, code: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>\
         <Message>As the test asked for.</Message></Error>"
    );
    let mut response = whole(Response::new(Bytes::from(text)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    let xml = hyper::header::HeaderValue::from_static("application/xml");
    response.headers_mut().insert("content-type", xml);
    response
}
