//! The native side of large indexes, as the server starts it.

use std::sync::Arc;

use axum::Router;
use dayfly_core::platform::Worker;
use prometheus_client::collector::Collector;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::admission::Admission;
use crate::faiss::http::{self, Served};
use crate::faiss::{self, Service};
use crate::identity::Verifier;
use crate::options::{RebuildOptions, ServeOptions};
use crate::rebuild::{self, Queue, Work, Workers};
use crate::storage::Data;

/// The native side of large indexes: searches of them, and their rebuilds.
pub struct Native {
    /// Answers.
    pub service: Arc<Service>,
    queue: Arc<Queue>,
    work: Arc<Work>,
    worker: Worker,
    data: String,
    options: RebuildOptions,
}

impl Native {
    /// None where FAISS is not part of this binary.
    pub fn open(options: &ServeOptions, data: &Data) -> Option<Self> {
        let queue = Arc::new(Queue::new(&data.storage, &Handle::current()));
        let open_bytes = u64::from(options.rebuild.open_mib) << 20;
        let service = Service::new(&data.storage, Arc::clone(&queue), open_bytes)?;
        Some(Self {
            service: Arc::new(service),
            queue,
            work: Arc::default(),
            worker: Worker {
                node: data.node.clone(),
                boot: data.boot.clone(),
            },
            data: options.data.clone(),
            options: options.rebuild.clone(),
        })
    }

    /// Its part of the metrics.
    pub fn metrics(&self) -> [Box<dyn Collector>; 2] {
        let (queue, work) = (Arc::clone(&self.queue), Arc::clone(&self.work));
        [
            rebuild::metrics(queue, work),
            faiss::metrics(Arc::clone(&self.service)),
        ]
    }

    /// Searches of bases, for guests elsewhere.
    pub fn searches(&self, verifier: &Arc<Verifier>, admission: &Arc<Admission>) -> Router {
        let served = Served {
            service: Arc::clone(&self.service),
            admission: Arc::clone(admission),
        };
        http::searches(served, Arc::clone(verifier))
    }

    /// Starts to do rebuilds.
    pub fn start(self) -> JoinSet<()> {
        let workers = Workers {
            queue: self.queue,
            worker: self.worker,
            data: self.data,
            options: self.options,
            work: self.work,
        };
        workers.start()
    }
}
