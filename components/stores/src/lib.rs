//! The guest for files and vector stores: everything but ingestion and search.
#![allow(
    unsafe_code,
    reason = "generated: what exports a component to its host"
)]

mod files;
mod form;
mod stores;
mod upload;
mod uploads;

use dayfly_core::api::ApiError;
use dayfly_core::home::Home;
use dayfly_core::ops;
use dayfly_core::store::{self, Manifest};
use dayfly_guest::call::Call;
use dayfly_guest::reply::Reply;
use dayfly_guest::{platform, tidy};
use spin_sdk::http::{IncomingRequest, Method, ResponseOutparam};
use spin_sdk::http_component;

/// Deletions of others that a request goes on with after its own, of stores and of files.
const LEFT_OVER: u32 = 2;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    dayfly_guest::enter_once(&request);
    if is_probe(&request) {
        return Reply::probe().send(out).await;
    }
    let (reply, after) = match answer(request).await {
        Ok(answer) => answer,
        Err(error) => (Reply::error(&error), None),
    };
    reply.send(out).await;
    if let Some(after) = after {
        go_on(&after);
    }
}

/// What this instance goes on with after its answer. Others do what it fails to.
enum After {
    /// Looking after the store whose newest version this request committed.
    Tidy(Box<Manifest>),
    /// Removing what is left of a deleted store.
    DeleteStore(Home),
    /// Removing what is left of a deleted file.
    DeleteFile(String),
    /// Clearing away uploads that were given up.
    CollectUploads,
}

type Answer = (Reply, Option<After>);

fn go_on(after: &After) {
    match after {
        After::Tidy(committed) => return tidy(committed),
        After::CollectUploads => return uploads::collect(),
        After::DeleteStore(home) => drop(store::finish_deletion(platform(), home)),
        After::DeleteFile(id) => drop(ops::finish_file_deletion(platform(), id)),
    }
    let _ = store::finish_deletions(platform(), LEFT_OVER);
    let _ = ops::finish_file_deletions(platform(), LEFT_OVER);
}

/// `GET /healthz`, where the host does not answer it itself. It tells nothing, so it asks for no
/// token.
fn is_probe(request: &IncomingRequest) -> bool {
    let reads = matches!(request.method(), Method::Get | Method::Head);
    reads && request.path_with_query().as_deref() == Some("/healthz")
}

async fn answer(request: IncomingRequest) -> Result<Answer, ApiError> {
    let call = &Call::authenticated(&request)?;
    let reply = match (&call.segments()[..], &call.method) {
        (["v1", "files"], Method::Get) => files::list(call),
        (["v1", "files"], Method::Post) => upload::receive(call, request).await,
        (["v1", "files"], _) => Err(call.wrong_method("GET or POST")),
        (["v1", "files", id], Method::Get) => files::get(id),
        (["v1", "files", id], Method::Delete) => return files::delete(id),
        (["v1", "files", _], _) => Err(call.wrong_method("GET or DELETE")),
        (["v1", "files", id, "content"], Method::Get) => files::content(id),
        (["v1", "files", _, "content"], _) => Err(call.wrong_method("GET")),
        (["v1", "uploads"], Method::Post) => {
            let reply = uploads::create(call, request).await?;
            return Ok((reply, Some(After::CollectUploads)));
        }
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
        (["v1", "vector_stores", id], Method::Post) => {
            return stores::update(call, id, request).await;
        }
        (["v1", "vector_stores", id], Method::Delete) => return stores::delete(id),
        (["v1", "vector_stores", _], _) => Err(call.wrong_method("GET, POST or DELETE")),
        _ => Err(call.unknown()),
    };
    reply.map(|reply| (reply, None))
}
