//! The guest that searches.
#![allow(
    unsafe_code,
    reason = "generated: what exports a component to its host"
)]

use dayfly_core::api::routes::Operation;
use dayfly_core::api::{ApiError, Code, SearchPage, SearchRequest, SearchResult};
use dayfly_core::filter::Filter;
use dayfly_core::ingestion::Embed as _;
use dayfly_core::search::{Found, Search, search};
use dayfly_core::segment::Query;
use dayfly_core::store::{self, Manifest, StoreError};
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::embed::Embedder;
use dayfly_guest::faiss::NativeIndex;
use dayfly_guest::platform;
use dayfly_guest::platform::settings;
use dayfly_guest::reply::{self, Reply};
use dayfly_guest::stores::usable;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    dayfly_guest::enter_once(&request);
    reply::from(answer(request).await).send(out).await;
}

async fn answer(request: IncomingRequest) -> Result<Reply, ApiError> {
    let call = Call::authenticated(&request)?;
    let Operation::Search = call.operation()? else {
        return Err(call.unknown());
    };
    let [store] = call.parameters();
    find(&call, store, request).await
}

async fn find(call: &Call, store: &str, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: SearchRequest = body::json(request).await?;
    let texts = asked.queries()?;
    let (limit, threshold) = (asked.limit()?, asked.threshold()?);
    let filter = asked.filters.as_ref().map(Filter::parse).transpose()?;
    let manifest = usable(store)?;
    if manifest.segments.is_empty() {
        return Reply::json(&SearchPage::new(texts, Vec::new()));
    }
    let settings = settings();
    let embedder = Embedder::for_query(&settings.embedding);
    let inputs: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = embedder
        .embed(&inputs, manifest.store.embedding.dimension)
        .await?;
    let queries = vectors
        .rows()
        .map(Query::new)
        .collect::<Result<Vec<_>, _>>()?;
    let found = found(manifest, |manifest| {
        let native = NativeIndex::new(manifest, asked.filters.as_ref());
        let wanted = Search {
            queries: &queries,
            limit,
            threshold,
            filter: filter.as_ref(),
            base: Some(&native),
        };
        search(platform(), manifest, &wanted)
    })?;
    let results = found.into_iter().map(SearchResult::from).collect();
    Reply::json(&SearchPage::new(texts, results))
}

/// What a search of the newest version finds; `known` was it a moment ago. Its objects go when they
/// were superseded for long, so where one is missing there is a newer version, or it is damaged.
fn found(
    known: Manifest,
    search: impl Fn(&Manifest) -> Result<Vec<Found>, Fault>,
) -> Result<Vec<Found>, ApiError> {
    let outcome = search(&known);
    if !is_missing(&outcome) {
        return Ok(outcome?);
    }
    let newest = store::existing(platform(), &known.store.id)?;
    let outcome = search(&newest);
    if !is_missing(&outcome) {
        return Ok(outcome?);
    }
    // Where it was deleted meanwhile, that is the answer.
    store::existing(platform(), &known.store.id)?;
    Err(ApiError::new(
        Code::DamagedObject,
        "An object of the vector store is missing; restore the store from a backup.",
    ))
}

fn is_missing(outcome: &Result<Vec<Found>, Fault>) -> bool {
    matches!(outcome, Err(Fault::Store(error)) if error.is_missing())
}

/// Why a search came to nothing.
enum Fault {
    /// The store could not be read.
    Store(StoreError),
    /// Its native index could not be asked.
    Index(ApiError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        Self::Index(error)
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error) => error.into(),
            Fault::Index(error) => error,
        }
    }
}
