//! The guest for files and vector stores: everything but ingestion and search.

mod files;
mod form;
mod stores;
mod upload;
mod uploads;

use dayfly_core::error::ApiError;
use dayfly_guest::call::Call;
use dayfly_guest::reply::{self, Reply};
use spin_sdk::http::{IncomingRequest, Method, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    dayfly_guest::enter_once(&request);
    if is_probe(&request) {
        return Reply::probe().send(out).await;
    }
    match Call::authenticated(&request) {
        Err(error) => Reply::error(&error).send(out).await,
        Ok(call) => {
            reply::from(answer(&call, request).await).send(out).await;
            if is_upload_begun(&call) {
                uploads::collect();
            }
        }
    }
}

/// `GET /healthz`, where the host does not answer it itself. It tells nothing, so it asks for no
/// token.
fn is_probe(request: &IncomingRequest) -> bool {
    let reads = matches!(request.method(), Method::Get | Method::Head);
    reads && request.path_with_query().as_deref() == Some("/healthz")
}

/// Who begins an upload also clears away old ones, after the answer.
fn is_upload_begun(call: &Call) -> bool {
    call.segments() == ["v1", "uploads"] && call.method == Method::Post
}

async fn answer(call: &Call, request: IncomingRequest) -> Result<Reply, ApiError> {
    match (&call.segments()[..], &call.method) {
        (["v1", "files"], Method::Get) => files::list(call),
        (["v1", "files"], Method::Post) => upload::receive(call, request).await,
        (["v1", "files"], _) => Err(call.wrong_method("GET or POST")),
        (["v1", "files", id], Method::Get) => files::get(id),
        (["v1", "files", id], Method::Delete) => files::delete(id),
        (["v1", "files", _], _) => Err(call.wrong_method("GET or DELETE")),
        (["v1", "files", id, "content"], Method::Get) => files::content(id),
        (["v1", "files", _, "content"], _) => Err(call.wrong_method("GET")),
        (["v1", "uploads"], Method::Post) => uploads::create(call, request).await,
        (["v1", "uploads", id, "parts"], Method::Post) => {
            uploads::add_part(call, id, request).await
        }
        (["v1", "uploads", id, "complete"], Method::Post) => {
            uploads::complete(call, id, request).await
        }
        (["v1", "uploads", id, "cancel"], Method::Post) => uploads::cancel(id),
        (["v1", "uploads"] | ["v1", "uploads", _, "parts" | "complete" | "cancel"], _) => {
            Err(call.wrong_method("POST"))
        }
        (["v1", "vector_stores", id, "rebuild"], Method::Post) => {
            stores::request_rebuild(call, id, request).await
        }
        (["v1", "vector_stores", id, "rebuild"], Method::Get) => stores::rebuild(id),
        (["v1", "vector_stores", _, "rebuild"], _) => Err(call.wrong_method("GET or POST")),
        (["v1", "vector_stores"], Method::Get) => stores::list(call),
        (["v1", "vector_stores"], Method::Post) => stores::create(call, request).await,
        (["v1", "vector_stores"], _) => Err(call.wrong_method("GET or POST")),
        (["v1", "vector_stores", id], Method::Get) => stores::get(id),
        (["v1", "vector_stores", id], Method::Post) => stores::update(call, id, request).await,
        (["v1", "vector_stores", id], Method::Delete) => stores::delete(id),
        (["v1", "vector_stores", _], _) => Err(call.wrong_method("GET, POST or DELETE")),
        _ => Err(call.unknown()),
    }
}
