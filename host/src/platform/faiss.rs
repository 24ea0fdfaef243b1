//! The platform's `faiss`.

use dayfly_core::api::{self, RebuildObject, RebuildStatus};
use dayfly_core::objects::keys::check_segment;

use super::bindings::dayfly::platform::faiss::{Error, Hit, Host, Phase, Rebuild, RebuildRequest};
use super::{Instance, View};
use crate::faiss::{self, Service};
use crate::identity::Scope;
use crate::rebuild::NO_FAISS;

impl Instance {
    /// The service, and the tenant on whose behalf it is called; `store` becomes part of keys.
    fn faiss(&self, store: &str, scope: Scope) -> Result<(&Service, &str), Error> {
        let principal = self.bound.as_ref();
        let principal =
            principal.ok_or_else(|| Error::Denied("the instance has not authenticated".into()))?;
        if !principal.scopes.contains(&scope) {
            return Err(Error::Denied(
                "the token lacks the scope that this needs".into(),
            ));
        }
        check_segment(store).map_err(|error| Error::Invalid(error.to_string()))?;
        let service = self.platform.faiss.as_deref();
        let service = service.ok_or_else(|| Error::NotConfigured(NO_FAISS.into()))?;
        Ok((service, &principal.tenant))
    }
}

impl Host for View<'_> {
    async fn search(
        &mut self,
        store: String,
        version: u64,
        base: String,
        query: Vec<f32>,
        k: u32,
        parameters: String,
        filter: Option<String>,
    ) -> Result<Vec<Hit>, Error> {
        check_segment(&base).map_err(|error| Error::Invalid(error.to_string()))?;
        let (service, tenant) = self.instance.faiss(&store, Scope::Read)?;
        let query = api::IndexQuery {
            version,
            query,
            k,
            parameters,
            filter,
        };
        let found = service.search(tenant, &store, &base, query).await?;
        let hit = |hit: api::IndexHit| Hit {
            row: hit.row,
            score: hit.score,
        };
        Ok(found.into_iter().map(hit).collect())
    }

    async fn request_rebuild(
        &mut self,
        store: String,
        request: RebuildRequest,
    ) -> Result<Rebuild, Error> {
        let (service, tenant) = self.instance.faiss(&store, Scope::Write)?;
        let request = api::RebuildRequest {
            factory: request.factory,
            automatic: request.automatic,
        };
        Ok(service
            .request_rebuild(tenant, &store, request)
            .await?
            .into())
    }

    async fn status(&mut self, store: String) -> Result<Rebuild, Error> {
        let (service, tenant) = self.instance.faiss(&store, Scope::Read)?;
        Ok(service.status(tenant, &store).await?.into())
    }
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
