//! The server: HTTP in front, guests behind.

mod answer;
mod cors;
pub(crate) mod embedded;
mod embeddings;
pub mod faiss_alone;
mod front;
mod health;
mod listen;
mod native;
mod origin;
pub mod provider;
mod request_id;
mod routes;
mod usage;
mod verifier;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dayfly_core::platform::Worker;
use dayfly_core::store::{Indexing, Upkeep};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tower::util::option_layer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::admission::Admission;
use crate::guests::Guests;
use crate::jobs::Workers;
use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::platform::{Learnt, Platform, settings};
use crate::queue::{self, JobQueue};
use crate::quota::{Ledger, Quotas, Rates};
use crate::runtime::{Destination, Runtime};
use crate::storage::{Data, ensure_sound};
use cors::Cors;
use embedded::Embedding;
use embeddings::Embeddings;

use front::Front;
use health::Health;
use native::Native;

/// A server that is up.
pub struct Running {
    /// Where it listens, with the port that it got.
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Running {
    /// Waits until the server ends.
    pub async fn wait(&mut self) {
        // It ends also when it panics.
        let _ = (&mut self.served).await;
    }

    /// Accepts nothing more, lets requests and instances under way end within the configured
    /// grace, stops jobs (others, or the next start, take them up again) and ends the server.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        self.wait().await;
    }
}

/// Starts a server, which listens when this returns.
///
/// Fails, with what to do about it, when the address, the data, a key, the embedder or the guests
/// cannot be used, or the storage would lose data. Compiles the guests where they are not in the cache, which takes seconds.
pub async fn start(options: ServeOptions, guests: Guests) -> anyhow::Result<Running> {
    let verifier = verifier::verifier(&options)?;
    let cors = Cors::new(&options.cors_origins, verifier.needs_token())?;
    let listener = listen::bind(&options.listen, verifier.needs_token()).await?;
    let addr = listener.local_addr()?;
    let data = Data::open(&options)?;
    ensure_sound(&data.storage).await?;
    let embedding = embedded::start(&options.embed).await?;
    let native = Native::open(&options, &data);
    let queue = (options.jobs.concurrency > 0).then(Arc::<JobQueue>::default);
    let of_jobs = queue.clone().map(queue::metrics);
    let of_native = native.as_ref().map(Native::metrics);
    let sources = of_jobs.into_iter().chain(of_native.into_iter().flatten());
    let metrics = Arc::new(Metrics::new(sources.collect()));
    let runtime = compile(&options, guests, &embedding, &metrics).await?;
    let rates = Rates::new(Quotas::new(&options)?);
    let ledger = Ledger::new(&data.storage);
    let platform = Arc::new(Platform {
        verifier,
        storage: data.storage.clone(),
        settings: settings_of(&options, &embedding, &data),
        learnt: Learnt::default(),
        jobs: queue.clone(),
        rates: Arc::clone(&rates),
        ledger,
        faiss: native.as_ref().map(|native| Arc::clone(&native.service)),
    });
    let workers = queue.map(|queue| Workers {
        runtime: Arc::clone(&runtime),
        platform: Arc::clone(&platform),
        queue,
        metrics: Arc::clone(&metrics),
        options: options.jobs.clone(),
        outbound_requests: options.limits.outbound_requests,
        upkeep: upkeep_of(&options, &data),
    });
    let admission = Admission::new(&options.limits, &rates);
    let searches = native
        .as_ref()
        .map(|native| native.searches(&platform.verifier, &admission));
    let front = Arc::new(Front {
        runtime: Arc::clone(&runtime),
        platform,
        cors,
        admission,
        metrics,
        limits: options.limits.clone(),
        health: Health::new(&data.storage),
        embeddings: embedding.router.map(Embeddings::new),
        searches,
    });
    let server = Server {
        listener,
        front,
        runtime,
        jobs: workers.map(Workers::start).unwrap_or_default(),
        rebuilds: native.map(Native::start).unwrap_or_default(),
        grace: Duration::from_millis(options.shutdown_grace_ms),
        _embedder: embedding.server,
        _data: data,
    };
    let (stop, stopped) = watch::channel(false);
    let served = tokio::spawn(server.run(stopped));
    tracing::info!(%addr, data = options.data, "listening");
    Ok(Running { addr, stop, served })
}

/// What has to live as long as the server.
struct Server {
    listener: TcpListener,
    front: Arc<Front>,
    runtime: Arc<Runtime>,
    jobs: JoinSet<()>,
    rebuilds: JoinSet<()>,
    grace: Duration,
    _embedder: JoinSet<()>,
    _data: Data,
}

impl Server {
    async fn run(mut self, stop: watch::Receiver<bool>) {
        let front = self.front;
        let layer = option_layer(front.cors.layer());
        let service = layer.layer(service_fn(move |request| {
            let front = Arc::clone(&front);
            async move { Ok::<_, Infallible>(front.answer(request).await) }
        }));
        let answer = move |request| {
            let service = service.clone();
            async move {
                let Ok(response) = service.oneshot(request).await;
                response
            }
        };
        listen::serve(self.listener, answer, stop, self.grace).await;
        self.rebuilds.shutdown().await;
        self.jobs.shutdown().await;
        // Guests may go on after their response.
        let _ = tokio::time::timeout(self.grace, self.runtime.idle()).await;
    }
}

async fn compile(
    options: &ServeOptions,
    guests: Guests,
    embedding: &Embedding,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Arc<Runtime>> {
    let timeout = Duration::from_millis(options.embed.request_timeout_ms);
    let headers = embedding.headers.clone();
    let mut destination = Destination::new(&embedding.url, headers, timeout)?;
    if embedding.router.is_some() {
        destination = destination.own();
    }
    let (options, metrics) = (options.clone(), Arc::clone(metrics));
    let work = move || Runtime::new(&options, &guests, destination, metrics);
    let runtime = tokio::task::spawn_blocking(work)
        .await
        .context("compiling the guests")??;
    Ok(Arc::new(runtime))
}

fn settings_of(options: &ServeOptions, embedding: &Embedding, data: &Data) -> settings::Values {
    let embed = &options.embed;
    settings::Values {
        embedding: settings::Embedding {
            url: embedding.url.clone(),
            // The host adds them on the way out.
            authorization: None,
            headers: Vec::new(),
            model: embedding.model.clone(),
            dimensions: embed.dimensions,
            query_prefix: embed.query_prefix.clone(),
            passage_prefix: embed.passage_prefix.clone(),
            as_base64: true,
            batch_inputs: embed.batch_inputs,
            batch_bytes: embed.batch_bytes,
            concurrency: embed.concurrency,
            request_timeout_ms: embed.request_timeout_ms,
            deadline_ms: embed.deadline_ms,
        },
        indexing: settings::Indexing {
            graph_min_rows: options.index.graph_min_rows,
            segment_max_rows: options.index.segment_max_rows,
            rebuild_min_rows: options.rebuild.min_rows,
        },
        max_file_bytes: u64::from(options.limits.file_mib) << 20,
        step_ms: options.jobs.step_ms,
        patience_ms: options.jobs.patience_ms,
        node: data.node.clone(),
        boot: data.boot.clone(),
    }
}

/// How stores are looked after by whoever serves these data.
fn upkeep_of(options: &ServeOptions, data: &Data) -> Upkeep {
    Upkeep {
        worker: Worker {
            node: data.node.clone(),
            boot: data.boot.clone(),
        },
        indexing: Indexing {
            graph_min_rows: options.index.graph_min_rows,
            segment_max_rows: options.index.segment_max_rows,
        },
    }
}
