//! The guest for files and vector stores: everything but ingestion and search.

mod files;
mod stores;
mod upload;

use dayfly_core::error::ApiError;
use dayfly_guest::call::Call;
use dayfly_guest::reply::{self, Reply};
use spin_sdk::http::{IncomingRequest, Method, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    dayfly_guest::enter_once();
    reply::from(answer(request).await).send(out).await;
}

async fn answer(request: IncomingRequest) -> Result<Reply, ApiError> {
    let call = Call::authenticated(&request)?;
    match (&call.segments()[..], &call.method) {
        (["v1", "files"], Method::Get) => files::list(&call),
        (["v1", "files"], Method::Post) => upload::receive(&call, request).await,
        (["v1", "files"], _) => Err(call.wrong_method("GET or POST")),
        (["v1", "files", id], Method::Get) => files::get(id),
        (["v1", "files", id], Method::Delete) => files::delete(id),
        (["v1", "files", _], _) => Err(call.wrong_method("GET or DELETE")),
        (["v1", "files", id, "content"], Method::Get) => files::content(id),
        (["v1", "files", _, "content"], _) => Err(call.wrong_method("GET")),
        (["v1", "vector_stores"], Method::Get) => stores::list(&call),
        (["v1", "vector_stores"], Method::Post) => stores::create(&call, request).await,
        (["v1", "vector_stores"], _) => Err(call.wrong_method("GET or POST")),
        (["v1", "vector_stores", id], Method::Get) => stores::get(id),
        (["v1", "vector_stores", id], Method::Post) => stores::update(&call, id, request).await,
        (["v1", "vector_stores", id], Method::Delete) => stores::delete(id),
        (["v1", "vector_stores", _], _) => Err(call.wrong_method("GET, POST or DELETE")),
        _ => Err(call.unknown()),
    }
}
