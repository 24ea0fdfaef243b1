//! The platform's `faiss`, by the service that the application names.

use dayfly_core::api::{self, RebuildObject, RebuildStatus};
use spin_executor::run;

use super::Provider;
use super::bindings::exports::dayfly::platform::faiss::{
    Error, Guest, Hit, Phase, Rebuild, RebuildRequest,
};
use super::http::WasiHttp;
use super::instance::Instance;
use crate::faiss::{self, Service};

impl Guest for Provider {
    fn search(
        store: String,
        version: u64,
        base: String,
        query: Vec<f32>,
        k: u32,
        parameters: String,
        filter: Option<String>,
    ) -> Result<Vec<Hit>, Error> {
        let query = api::IndexQuery {
            version,
            query,
            k,
            parameters,
            filter,
        };
        let found = run(service()?.search(&store, &base, &query))?;
        let hit = |hit: api::IndexHit| Hit {
            row: hit.row,
            score: hit.score,
        };
        Ok(found.into_iter().map(hit).collect())
    }

    fn request_rebuild(store: String, request: RebuildRequest) -> Result<Rebuild, Error> {
        let request = api::RebuildRequest {
            factory: request.factory,
            automatic: request.automatic,
        };
        Ok(run(service()?.request_rebuild(&store, &request))?.into())
    }

    fn status(store: String) -> Result<Rebuild, Error> {
        Ok(run(service()?.status(&store))?.into())
    }
}

fn service() -> Result<Service<'static, WasiHttp>, Error> {
    let instance = Instance::get();
    let (origin, authorization) = instance.faiss().map_err(Error::Denied)?;
    Ok(Service {
        origin,
        authorization,
        transport: &WasiHttp,
    })
}

impl From<RebuildObject> for Rebuild {
    fn from(rebuild: RebuildObject) -> Self {
        Self {
            phase: match rebuild.status {
                RebuildStatus::Idle => Phase::Idle,
                RebuildStatus::Queued => Phase::Queued,
                RebuildStatus::InProgress => Phase::Running,
                RebuildStatus::Failed => Phase::Failed,
            },
            step: rebuild.step,
            rows_done: rebuild.rows_done,
            rows: rebuild.rows,
            memory_bytes: rebuild.memory_bytes,
            seconds_left: rebuild.seconds_left,
            message: rebuild.message,
        }
    }
}

impl From<faiss::Error> for Error {
    fn from(error: faiss::Error) -> Self {
        match error {
            faiss::Error::NotConfigured(text) => Self::NotConfigured(text),
            faiss::Error::NotFound => Self::NotFound,
            faiss::Error::Denied(text) => Self::Denied(text),
            faiss::Error::Invalid(text) => Self::Invalid(text),
            faiss::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}
