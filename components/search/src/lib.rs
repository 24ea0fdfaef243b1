//! The guest that searches.

use dayfly_core::api::{SearchPage, SearchRequest};
use dayfly_core::error::ApiError;
use dayfly_core::filter::Filter;
use dayfly_core::search::{Search, search};
use dayfly_core::segment::Query;
use dayfly_core::store::Table;
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::embed::Embedder;
use dayfly_guest::faiss::NativeIndex;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::{self, Reply};
use dayfly_guest::stores::usable;
use spin_sdk::http::{IncomingRequest, Method, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    dayfly_guest::enter_once(&request);
    reply::from(answer(request).await).send(out).await;
}

async fn answer(request: IncomingRequest) -> Result<Reply, ApiError> {
    let call = Call::authenticated(&request)?;
    match (&call.segments()[..], &call.method) {
        (["v1", "vector_stores", store, "search"], Method::Post) => {
            find(&call, store, request).await
        }
        (["v1", "vector_stores", _, "search"], _) => Err(call.wrong_method("POST")),
        _ => Err(call.unknown()),
    }
}

async fn find(call: &Call, store: &str, request: IncomingRequest) -> Result<Reply, ApiError> {
    call.expect_json()?;
    let asked: SearchRequest = body::json(request).await?;
    let texts = asked.queries()?;
    let (limit, threshold) = (asked.limit()?, asked.threshold()?);
    let filter = asked.filters.as_ref().map(Filter::parse).transpose()?;
    let manifest = usable(store)?;
    let table = Table::of(&PlatformObjects, &manifest)?;
    if table.segments.is_empty() {
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
    let native = NativeIndex::new(&manifest, asked.filters.as_ref());
    let wanted = Search {
        queries: &queries,
        limit,
        threshold,
        filter: filter.as_ref(),
        base: Some(&native),
    };
    let found = search(&PlatformObjects, &manifest.store.id, &table, &wanted)?;
    Reply::json(&SearchPage::new(texts, found))
}
