//! An embedding provider on loopback: OpenAI's `/v1/embeddings`, deterministic, fast, and faulty
//! on request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::embedder_answers::{Body, dressed, encode, error_body, json, misbehave, moved};
use crate::fault::Fault;
use crate::habit::Habit;
use crate::vector;

/// The dimension of the vectors, unless asked otherwise.
pub const DIMENSION: usize = 384;

/// Texts that a provider remembers, so that a large ingestion costs it no memory.
const REMEMBERED_TEXTS: usize = 1_000;

/// A provider; it stops when dropped.
pub struct FakeEmbedder {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// What a provider saw of one request.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The `authorization` header.
    pub authorization: Option<String>,
    /// The `api-key` header.
    pub api_key: Option<String>,
    /// `model` of the body.
    pub model: String,
    /// `encoding_format` of the body.
    pub encoding_format: Option<String>,
    /// Number of inputs.
    pub inputs: usize,
    /// Bytes of text of all inputs.
    pub bytes: usize,
    /// The inputs themselves, of the first requests.
    pub texts: Vec<String>,
}

struct Shared {
    next: Mutex<VecDeque<Fault>>,
    always: Mutex<Option<Fault>>,
    habits: Mutex<Vec<Habit>>,
    seen: Mutex<Vec<Seen>>,
    remembered: AtomicUsize,
    requests: AtomicUsize,
    dimension: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    held: watch::Sender<Held>,
}

/// Which requests wait.
#[derive(Clone, Debug)]
enum Held {
    None,
    All,
    With(String),
}

#[derive(Deserialize)]
struct EmbeddingRequest {
    model: String,
    input: Input,
    encoding_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
}

impl Default for FakeEmbedder {
    fn default() -> Self {
        Self::start()
    }
}

impl FakeEmbedder {
    /// A provider of 384 dimensions on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            next: Mutex::default(),
            always: Mutex::default(),
            habits: Mutex::default(),
            seen: Mutex::default(),
            remembered: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            dimension: AtomicUsize::new(DIMENSION),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            held: watch::Sender::new(Held::None),
        });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            shared,
            address,
            runtime: Some(runtime),
        }
    }

    /// The endpoint, whole.
    pub fn url(&self) -> String {
        format!("http://{}/v1/embeddings", self.address)
    }

    /// The next requests fail like this, one after the other; later ones do not.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.next.lock().unwrap().extend(faults);
    }

    /// Every request fails like this from now on, or none.
    pub fn fail_always(&self, fault: Option<Fault>) {
        *self.shared.always.lock().unwrap() = fault;
    }

    /// What it is like from now on.
    pub fn become_one_that(&self, habits: &[Habit]) {
        *self.shared.habits.lock().unwrap() = habits.to_vec();
    }

    /// Requests wait from now on, until [`release`](Self::release).
    pub fn hold(&self) {
        self.shared.held.send_replace(Held::All);
    }

    /// As [`hold`](Self::hold), but only those with a text that has `word` in it.
    pub fn hold_those_with(&self, word: &str) {
        self.shared.held.send_replace(Held::With(word.to_owned()));
    }

    /// Lets all requests go on.
    pub fn release(&self) {
        self.shared.held.send_replace(Held::None);
    }

    /// Another dimension from now on, as if the operator had changed the model.
    pub fn set_dimension(&self, dimension: usize) {
        self.shared.dimension.store(dimension, Ordering::SeqCst);
    }

    /// All embedding requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// All requests so far, also those that were no embedding request.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Requests that are being answered now.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// The most requests that were ever answered at once.
    pub fn most_in_flight(&self) -> usize {
        self.shared.most_in_flight.load(Ordering::SeqCst)
    }
}

impl Drop for FakeEmbedder {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Counts a request as under way while it lives.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn new(shared: &Arc<Shared>) -> Self {
        let now = shared.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_in_flight.fetch_max(now, Ordering::SeqCst);
        shared.requests.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
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

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> Result<Response<Body>, std::io::Error> {
    let _under_way = UnderWay::new(&shared);
    let header = |name: &str| {
        let value = request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (authorization, api_key) = (header("authorization"), header("api-key"));
    let habits = shared.habits.lock().unwrap().clone();
    let path = request.uri().path().to_owned();
    let is_elsewhere = |habit: &Habit| match habit {
        Habit::LivesAt(home) if *home != path => Some(*home),
        _ => None,
    };
    if let Some(home) = habits.iter().find_map(is_elsewhere) {
        return moved(home);
    }
    let bytes = request
        .into_body()
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes();
    let Ok(request) = serde_json::from_slice::<EmbeddingRequest>(&bytes) else {
        return Ok(json(StatusCode::BAD_REQUEST, error_body("bad request")));
    };
    let model = request.model;
    let inputs = match request.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
    };
    let as_base64 = request.encoding_format.as_deref() == Some("base64");
    let is_told = request.encoding_format.is_some();
    shared.record(Seen {
        authorization,
        api_key,
        model: model.clone(),
        encoding_format: request.encoding_format,
        inputs: inputs.len(),
        bytes: inputs.iter().map(String::len).sum(),
        texts: inputs.clone(),
    });
    let mut held = shared.held.subscribe();
    let _ = held.wait_for(|held| !held.holds(&inputs)).await;

    let mut refusals = habits
        .iter()
        .filter_map(|habit| habit.refuses(&inputs, is_told));
    if let Some((status, message)) = refusals.next() {
        let status = StatusCode::from_u16(status).unwrap();
        return Ok(json(status, error_body(&message)));
    }
    let fault = shared.next_fault();
    let dimension = match fault {
        Some(Fault::WrongDimension(dimension)) => dimension,
        _ => shared.dimension.load(Ordering::SeqCst),
    };
    let mut vectors: Vec<Vec<f32>> = inputs
        .iter()
        .map(|text| vector::embed(text, dimension))
        .collect();
    match fault {
        None | Some(Fault::WrongDimension(_)) => {}
        Some(Fault::Slow(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::TooFewVectors) => drop(vectors.pop()),
        Some(Fault::TooManyVectors) => vectors.push(vector::embed("more", dimension)),
        Some(Fault::Nan) => spoil(&mut vectors, f32::NAN),
        Some(Fault::Infinity) => spoil(&mut vectors, f32::INFINITY),
        Some(other) => return misbehave(other, &encode(&model, &vectors, as_base64)).await,
    }
    Ok(dressed(encode(&model, &vectors, as_base64), &habits))
}

impl Held {
    fn holds(&self, texts: &[String]) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::With(word) => texts.iter().any(|text| text.contains(word)),
        }
    }
}

impl Shared {
    fn record(&self, mut seen: Seen) {
        if self.remembered.fetch_add(seen.inputs, Ordering::SeqCst) > REMEMBERED_TEXTS {
            seen.texts.clear();
        }
        self.seen.lock().unwrap().push(seen);
    }

    fn next_fault(&self) -> Option<Fault> {
        let next = self.next.lock().unwrap().pop_front();
        next.or_else(|| self.always.lock().unwrap().clone())
    }
}

/// A non-finite number has no JSON form: it travels as base64, or as `1e999`.
fn spoil(vectors: &mut [Vec<f32>], value: f32) {
    if let Some(x) = vectors.last_mut().and_then(|vector| vector.last_mut()) {
        *x = value;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{FakeEmbedder, Fault};
    use crate::Client;

    fn ask(embedder: &FakeEmbedder, body: &serde_json::Value) -> crate::Answer {
        let url = embedder.url();
        let (base, _) = url.split_once("/v1").unwrap();
        Client::new(base).post_json("/v1/embeddings", body)
    }

    #[test]
    fn it_answers_as_openai_does() {
        let embedder = FakeEmbedder::start();
        let body = ask(&embedder, &json!({"model": "m", "input": ["a", "b"]})).ok();
        assert_eq!(body["data"].as_array().unwrap().len(), 2);
        assert_eq!(body["data"][1]["embedding"].as_array().unwrap().len(), 384);
        let format = json!({"model": "m", "input": "a", "encoding_format": "base64"});
        let body = ask(&embedder, &format).ok();
        assert_eq!(body["data"][0]["embedding"].as_str().unwrap().len(), 2048);
        assert_eq!(embedder.seen().len(), 2);
    }

    #[test]
    fn it_fails_as_often_as_told() {
        let embedder = FakeEmbedder::start();
        embedder.fail_next([Fault::Status(429, Some(3))]);
        let body = json!({"model": "m", "input": "a"});
        let refused = ask(&embedder, &body);
        assert_eq!(refused.status, 429);
        assert_eq!(refused.header("retry-after"), Some("3"));
        assert_eq!(ask(&embedder, &body).status, 200);
    }
}
