//! Drives pending ingestions by calling the ingest guest, whose turn it is.

mod sweeper;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dayfly_core::store::Upkeep;
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Empty};
use serde::Deserialize;
use tokio::task::JoinSet;
use wasmtime_wasi_http::WasiBody;

use crate::collector::Collector;
use crate::guests::Guest;
use crate::metrics::{Metrics, Outcome};
use crate::options::JobOptions;
use crate::platform::{Instance, Platform};
use crate::queue::{Job, JobQueue, Progress, Turn};
use crate::runtime::{Call, Death, InstanceLimits, Reply, Runtime};
use crate::storage::random_id;

/// Tells the guest why the last instance that worked on this file died.
pub const LOST_HEADER: &str = "x-dayfly-lost";

/// A file's state is smaller than that.
const MOST_KEPT: usize = 256 << 10;

/// What the workers need.
pub struct Workers {
    /// Runs the guest.
    pub runtime: Arc<Runtime>,
    /// The guest's platform.
    pub platform: Arc<Platform>,
    /// Where jobs come from.
    pub queue: Arc<JobQueue>,
    /// Counts them.
    pub metrics: Arc<Metrics>,
    /// Their limits.
    pub options: JobOptions,
    /// Outbound requests of one of them.
    pub outbound_requests: u32,
    /// How stores are looked after.
    pub upkeep: Upkeep,
}

impl Workers {
    /// Starts the workers, the sweeper and the collector; they end when the set is dropped.
    pub fn start(self) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let workers = Arc::new(self);
        for _ in 0..workers.options.instances() {
            let workers = Arc::clone(&workers);
            tasks.spawn(async move { workers.work().await });
        }
        workers.queue.open(workers.options.concurrency as usize);
        let (storage, queue) = (workers.platform.storage.clone(), Arc::clone(&workers.queue));
        tasks.spawn(async move { sweeper::run(&storage, &queue).await });
        let (storage, queue) = (workers.platform.storage.clone(), Arc::clone(&workers.queue));
        tasks.spawn(async move { sweeper::fetch(&storage, &queue).await });
        let collector = Collector::new(&workers.platform.storage, workers.upkeep.clone());
        tasks.spawn(collector.run());
        tasks
    }

    async fn work(&self) {
        loop {
            let turn = self.queue.next().await;
            let progress = self.process(&turn).await;
            tracing::info!(
                tenant = &*turn.job.tenant,
                store = turn.job.store,
                file = turn.job.file,
                ?progress,
                "a job's call ended"
            );
            turn.finish(progress);
        }
    }

    async fn process(&self, turn: &Turn) -> Progress {
        let job = &turn.job;
        let (request, id) = match request(job, turn.lost.as_deref()) {
            Ok(made) => made,
            Err(error) => {
                tracing::error!(?job, %error, "a job cannot be called");
                return Progress::Done;
            }
        };
        let call = Call {
            guest: Guest::Ingest,
            request,
            body_limit: 0,
            request_id: id,
            limits: InstanceLimits {
                memory_bytes: u64::from(self.options.memory_mib) << 20,
                cpu: Duration::from_millis(self.options.cpu_ms),
                wall: Duration::from_millis(self.options.wall_ms),
                outbound_requests: self.outbound_requests,
            },
            platform: Instance::for_job(Arc::clone(&self.platform), &job.tenant)
                .during(turn.watch()),
            permit: None,
        };
        let ended = match self.runtime.call(call).await {
            Ok(reply) => follow(reply).await,
            Err(death) => Err(death),
        };
        let outcome = match &ended {
            Ok((status, _)) => Outcome::of_status(*status),
            Err(death) => death.outcome(),
        };
        self.metrics.request(Guest::Ingest, outcome);
        match ended {
            Ok((200, body)) if is_in_progress(&body) => Progress::Step,
            // 404: the file was deleted meanwhile.
            Ok((200..300 | 404, _)) => Progress::Done,
            Ok(_) => Progress::Later,
            Err(death) => Progress::Lost(self.describe(&death)),
        }
    }

    /// For the file's `last_error`, so in words that help its owner.
    fn describe(&self, death: &Death) -> String {
        let options = &self.options;
        match death {
            Death::Memory => format!("memory: it needed more than {} MiB", options.memory_mib),
            Death::Cpu => format!("cpu: it needed more than {} ms of CPU time", options.cpu_ms),
            Death::Wall => format!("wall: it took longer than {} ms", options.wall_ms),
            other => format!("trap: {other}"),
        }
    }
}

/// Waits for the instance's end, and gives the answer's status and the beginning of its body; an
/// answer counts only when it is whole.
async fn follow(reply: Reply) -> Result<(u16, Vec<u8>), Death> {
    let status = reply.response.status().as_u16();
    let mut body = reply.response.into_body();
    let mut kept = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref().filter(|_| kept.len() < MOST_KEPT) {
            kept.extend_from_slice(data);
        }
    }
    match reply.end.await.ok().flatten() {
        Some(death) => Err(death),
        None => Ok((status, kept)),
    }
}

/// Whether a file's state says that its ingestion came to the end of a step only.
fn is_in_progress(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct State {
        status: String,
    }
    serde_json::from_slice(body).is_ok_and(|state: State| state.status == "in_progress")
}

fn request(job: &Job, lost: Option<&str>) -> anyhow::Result<(Request<WasiBody>, Arc<str>)> {
    let id: Arc<str> = format!("job_{}", random_id()?).into();
    let path = format!("/v1/vector_stores/{}/files/{}/process", job.store, job.file);
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(http::header::HOST, "dayfly.internal")
        .header("x-request-id", &*id);
    if let Some(lost) = lost {
        let plain: String = lost
            .chars()
            .filter(|c| c.is_ascii() && !c.is_control())
            .collect();
        request = request.header(LOST_HEADER, HeaderValue::from_str(&plain)?);
    }
    let body = Empty::<Bytes>::new()
        .map_err(|never| match never {})
        .boxed_unsync();
    Ok((request.body(body)?, id))
}
