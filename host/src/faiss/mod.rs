//! The native index service: searches of bases, and requests for rebuilds. Guests reach it through
//! the platform, other hosts' guests over HTTP.

#[cfg(feature = "faiss")]
mod bases;
mod error;
pub mod http;
mod metrics;
#[cfg(feature = "faiss")]
mod open;
#[cfg(feature = "faiss")]
mod recent;
#[cfg(feature = "faiss")]
mod views;

use std::sync::Arc;

use dayfly_core::api::{IndexHit, IndexQuery, RebuildObject, RebuildRequest};
use dayfly_core::rebuild::Factory;
use dayfly_core::store;

pub use error::Error;
pub use metrics::metrics;

use crate::rebuild::Queue;
use crate::storage::{Storage, run_waiting};

/// The most rows of one answer.
const MOST_HITS: u32 = 10_000;

/// The service of one host, for all tenants.
pub struct Service {
    queue: Arc<Queue>,
    #[cfg(feature = "faiss")]
    bases: Arc<bases::Bases>,
}

impl Service {
    /// Over a bucket's stores. Indexes whose files are `open_bytes` together stay open.
    #[cfg(feature = "faiss")]
    pub fn new(storage: &Storage, queue: Arc<Queue>, open_bytes: u64) -> Option<Self> {
        let bases = Arc::new(bases::Bases::new(storage, open_bytes));
        Some(Self { queue, bases })
    }

    /// None: FAISS is not part of this binary.
    #[cfg(not(feature = "faiss"))]
    pub fn new(_storage: &Storage, _queue: Arc<Queue>, _open_bytes: u64) -> Option<Self> {
        None
    }

    /// Asks for a store's rebuild.
    ///
    /// Errors: [`Error::NotFound`] where there is no such store: whatever is kept of a request has
    /// something that it is for.
    pub async fn request_rebuild(
        &self,
        tenant: &str,
        store: &str,
        mut request: RebuildRequest,
    ) -> Result<RebuildObject, Error> {
        if let Some(factory) = &mut request.factory {
            *factory = plain(factory)?;
        }
        let (queue, tenant, store) = (Arc::clone(&self.queue), tenant.to_owned(), store.to_owned());
        blocking(move || {
            let present = store::current(queue.tenant(&tenant).platform(), &store)?;
            present.ok_or(Error::NotFound)?;
            Ok(queue.request(&tenant, &store, &request)?)
        })
        .await
    }

    /// Where that stands.
    pub async fn status(&self, tenant: &str, store: &str) -> Result<RebuildObject, Error> {
        let (queue, tenant, store) = (Arc::clone(&self.queue), tenant.to_owned(), store.to_owned());
        blocking(move || Ok(queue.status(&tenant, &store)?)).await
    }

    /// The live rows of a base that are nearest, nearest first.
    #[cfg(feature = "faiss")]
    pub async fn search(
        &self,
        tenant: &str,
        store: &str,
        base: &str,
        query: IndexQuery,
    ) -> Result<Vec<IndexHit>, Error> {
        if query.k > MOST_HITS {
            let text = format!(
                "k is {} where at most {MOST_HITS} rows are answered",
                query.k
            );
            return Err(Error::Invalid(text));
        }
        let bases = Arc::clone(&self.bases);
        let (tenant, store, base) = (tenant.to_owned(), store.to_owned(), base.to_owned());
        bases.search(tenant, store, base, query).await
    }

    /// Nobody calls it: there is no service.
    #[cfg(not(feature = "faiss"))]
    pub async fn search(
        &self,
        _tenant: &str,
        _store: &str,
        _base: &str,
        query: IndexQuery,
    ) -> Result<Vec<IndexHit>, Error> {
        let _ = (query.k, MOST_HITS);
        Err(Error::NotConfigured(crate::rebuild::NO_FAISS.to_owned()))
    }

    /// Processes that were started to search, and the memory of the one that runs.
    pub fn searchers(&self) -> (u64, u64) {
        #[cfg(feature = "faiss")]
        return self.bases.searchers();
        #[cfg(not(feature = "faiss"))]
        (0, 0)
    }

    /// Indexes that are open, and the bytes of their files.
    pub fn open(&self) -> (u64, u64) {
        #[cfg(feature = "faiss")]
        return self.bases.open();
        #[cfg(not(feature = "faiss"))]
        (0, 0)
    }
}

/// A kind of index as it is kept: as FAISS takes it, and no longer than any is.
fn plain(factory: &str) -> Result<String, Error> {
    const MOST_BYTES: usize = 128;
    if factory.len() > MOST_BYTES {
        let text = format!("a kind of index has at most {MOST_BYTES} bytes, such as IVF1024,SQ8");
        return Err(Error::Invalid(text));
    }
    let parsed: Result<Factory, _> = factory.parse();
    let parsed = parsed.map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(parsed.as_str().to_owned())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match run_waiting(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Unavailable(error.to_string())),
    }
}
