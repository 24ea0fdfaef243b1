//! The guest that ingests: attached files, and the original `POST /upload`.
#![allow(
    unsafe_code,
    reason = "generated: what exports a component to its host"
)]

mod attach;
mod batches;
mod process;
mod run;
mod stop;
mod store_files;
mod upload;

use std::time::Duration;

use dayfly_core::api::ApiError;
use dayfly_core::api::routes::{IngestOperation as Asked, Operation};
use dayfly_core::home::Home;
use dayfly_core::ingestion;
use dayfly_core::pending::Ticket;
use dayfly_core::store::Manifest;
use dayfly_guest::call::Call;
use dayfly_guest::platform::settings;
use dayfly_guest::reply::Reply;
use dayfly_guest::{GuestClock, clock, tidy};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    dayfly_guest::enter_once(&request);
    let begun = clock::monotonic();
    let (reply, after) = match answer(request, begun).await {
        Ok(answer) => answer,
        Err(error) => (Reply::error(&error), None),
    };
    reply.send(out).await;
    match after {
        Some(After::Process(tickets)) => process::drive(&tickets, budget(begun)).await,
        Some(After::Tidy(committed)) => tidy(&committed),
        Some(After::Detach(home, cancelled)) => store_files::finish_delete(&home, &cancelled),
        None => {}
    }
}

/// What this instance goes on with after its answer.
enum After {
    /// One of these ingestions, which were accepted.
    Process(Vec<Ticket>),
    /// Looking after the store whose newest version this request committed.
    Tidy(Box<Manifest>),
    /// Removing what these ingestions wrote, which this request ended, and looking after the store.
    Detach(Home, Vec<Ticket>),
}

type Answer = (Reply, Option<After>);

/// How long this instance may work before it leaves the rest to the next one.
type Budget = ingestion::Budget<GuestClock>;

/// That of an instance that began then.
fn budget(begun: Duration) -> Budget {
    Budget::new(GuestClock, begun, settings().step_ms)
}

async fn answer(request: IncomingRequest, begun: Duration) -> Result<Answer, ApiError> {
    let call = &Call::authenticated(&request)?;
    let Operation::Ingest(operation) = call.operation()? else {
        return Err(call.unknown());
    };
    // The second is a file's id, or a batch's.
    let [store, file] = call.parameters();
    let reply = match operation {
        Asked::Upload => return upload::receive(call, request, budget(begun)).await,
        Asked::AttachFile => return attach::attach(call, store, request).await,
        Asked::ListStoreFiles => return store_files::list(call, store),
        Asked::GetStoreFile => return store_files::get(call, store, file),
        Asked::UpdateStoreFile => return store_files::update(call, store, file, request).await,
        Asked::DetachFile => return store_files::delete(store, file),
        Asked::CreateBatch => return batches::create(call, store, request).await,
        Asked::GetBatch => return batches::get(call, store, file),
        Asked::CancelBatch => return batches::cancel(store, file),
        Asked::ListBatchFiles => return batches::files(call, store, file),
        Asked::StoreFileContent => store_files::content(store, file),
        Asked::ProcessStoreFile => process::answer(call, store, file, budget(begun)).await,
    };
    reply.map(|reply| (reply, None))
}
