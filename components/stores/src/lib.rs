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
use dayfly_core::api::routes::{Operation, StoresOperation as Asked};
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
    if let Some(open) = open_to_all(&request) {
        return open.send(out).await;
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
    /// Deleting files whose time is over.
    Expire,
}

type Answer = (Reply, Option<After>);

fn go_on(after: &After) {
    match after {
        After::Tidy(committed) => return tidy(committed),
        After::CollectUploads => return uploads::collect(),
        After::Expire => return drop(ops::expire_files(platform(), LEFT_OVER)),
        After::DeleteStore(home) => drop(store::finish_deletion(platform(), home)),
        After::DeleteFile(id) => drop(ops::finish_file_deletion(platform(), id)),
    }
    let _ = store::finish_deletions(platform(), LEFT_OVER);
    let _ = ops::finish_file_deletions(platform(), LEFT_OVER);
    let _ = ops::expire_files(platform(), LEFT_OVER);
}

/// `GET /healthz` and `GET /`, where the host does not answer them itself. They tell nothing, so they ask
/// for no token.
fn open_to_all(request: &IncomingRequest) -> Option<Reply> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return None;
    }
    match request.path_with_query().as_deref() {
        Some("/healthz" | "/healthz/") => Some(Reply::probe()),
        Some("/") => Some(Reply::front_page()),
        _ => None,
    }
}

async fn answer(request: IncomingRequest) -> Result<Answer, ApiError> {
    let call = &Call::authenticated(&request)?;
    let Operation::Stores(operation) = call.operation()? else {
        return Err(call.unknown());
    };
    let [id] = call.parameters();
    let reply = match operation {
        Asked::ListFiles => files::list(call),
        Asked::CreateFile => {
            let reply = upload::receive(call, request).await?;
            return Ok((reply, Some(After::Expire)));
        }
        Asked::GetFile => files::get(id),
        Asked::DeleteFile => return files::delete(id),
        Asked::FileContent => files::content(id),
        Asked::CreateUpload => {
            let reply = uploads::create(call, request).await?;
            return Ok((reply, Some(After::CollectUploads)));
        }
        Asked::AddPart => uploads::add_part(call, id, request).await,
        Asked::CompleteUpload => uploads::complete(call, id, request).await,
        Asked::CancelUpload => uploads::cancel(id),
        Asked::ListStores => stores::list(call),
        Asked::CreateStore => stores::create(call, request).await,
        Asked::GetStore => stores::get(id),
        Asked::UpdateStore => return stores::update(call, id, request).await,
        Asked::DeleteStore => return stores::delete(id),
        Asked::GetRebuild => stores::rebuild(id),
        Asked::RequestRebuild => stores::request_rebuild(call, id, request).await,
    };
    reply.map(|reply| (reply, None))
}
