//! `dayfly faiss`: the service alone, for guests on hosts that cannot map an index; it also looks
//! after the stores that they leave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::Request;
use http::header::CONTENT_TYPE;
use hyper::body::Incoming;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;

use super::health::{Health, WELL};
use super::listen::{bind, serve as serve_connections};
use super::native::Native;
use super::origin::is_local;
use super::verifier::verifier;
use super::{answer, upkeep_of};
use crate::admission::Admission;
use crate::collector::Collector;
use crate::faiss::http::{Refusal, Served, all};
use crate::metrics;
use crate::options::ServeOptions;
use crate::quota::{Quotas, Rates};
use crate::rebuild::NO_FAISS;
use crate::storage::{Data, ensure_sound};

/// A service that is up.
pub struct Running {
    /// Where it listens, with the port that it got.
    pub addr: SocketAddr,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
    _upkeep: JoinSet<()>,
    _data: Data,
}

impl Running {
    /// Waits until the service ends.
    ///
    /// # Errors
    /// When it broke off.
    pub async fn wait(&mut self) -> anyhow::Result<()> {
        Ok((&mut self.served).await?)
    }

    /// Lets requests under way end and ends the service; a rebuild under way is taken up again by
    /// whoever claims it next.
    ///
    /// # Errors
    /// When it broke off before.
    pub async fn shutdown(mut self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.wait().await
    }
}

/// Starts the service, which listens when this returns.
///
/// # Errors
/// With what to do about it, when the address, the data or a key cannot be used, or where FAISS is
/// not part of this binary.
pub async fn start(options: &ServeOptions) -> anyhow::Result<Running> {
    let verifier = verifier(options)?;
    let is_open = !verifier.needs_token();
    let listener = bind(&options.listen, !is_open).await?;
    let addr = listener.local_addr()?;
    let data = Data::open(options)?;
    ensure_sound(&data.storage).await?;
    let native = Native::open(options, &data).ok_or_else(|| anyhow::anyhow!(NO_FAISS))?;
    let mut registry = Registry::default();
    for source in native.metrics() {
        registry.register_collector(source);
    }
    let registry = Arc::new(registry);
    let served = Served {
        service: Arc::clone(&native.service),
        admission: Admission::new(&options.limits, &Rates::new(Quotas::new(options)?)),
    };
    let metrics = move || {
        let head = [(CONTENT_TYPE, metrics::CONTENT_TYPE)];
        std::future::ready((head, metrics::render(&registry)))
    };
    let router = Router::new()
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
        .with_state(Arc::new(Health::new(&data.storage)))
        .route("/metrics", get(metrics))
        .merge(all(served, verifier));
    let mut upkeep = native.start();
    // Hosts that only search by this service may have nothing that runs between requests.
    upkeep.spawn(Collector::new(&data.storage, upkeep_of(options, &data)).run());
    let (stop, stopped) = watch::channel(false);
    let grace = Duration::from_millis(options.shutdown_grace_ms);
    let answer = move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            if is_open && !is_local(request.headers(), false) {
                return answer::error(&answer::foreign_origin());
            }
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            response
        }
    };
    let served = tokio::spawn(serve_connections(listener, answer, stopped, grace));
    Ok(Running {
        addr,
        stop,
        served,
        _upkeep: upkeep,
        _data: data,
    })
}

async fn live(State(health): State<Arc<Health>>) -> Result<&'static str, Refusal> {
    Ok(health.live().await.map(|()| WELL)?)
}

async fn ready(State(health): State<Arc<Health>>) -> Result<&'static str, Refusal> {
    Ok(health.ready().await.map(|()| WELL)?)
}
