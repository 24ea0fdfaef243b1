//! One request in one fresh instance.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use crate::body::{Body, Guarded, text};
use crate::state::State;

type Head = Result<Response<WasiBody>, ErrorCode>;

/// The instance's response when its head is there. The instance goes on until it ends, also when
/// the caller breaks off, or until `life` is over.
pub async fn answer(
    pre: ProxyPre<State>,
    state: State,
    request: Request<WasiBody>,
    life: Option<Duration>,
) -> Response<Body> {
    let ended = Arc::new(AtomicBool::new(false));
    let (sender, head) = oneshot::channel::<Head>();
    let seen = Arc::clone(&ended);
    let task = tokio::spawn(async move {
        let mut store = Store::new(pre.engine(), state);
        let handled = within(life, handle(&mut store, &pre, request, sender)).await;
        seen.store(!matches!(handled, Some(Ok(()))), SeqCst);
        drop(store);
        match &handled {
            Some(Ok(())) => StatusCode::INTERNAL_SERVER_ERROR,
            Some(Err(error)) => {
                // Without the guest's stack.
                eprintln!("an instance failed: {}", error.root_cause());
                StatusCode::INTERNAL_SERVER_ERROR
            }
            None => {
                eprintln!("an instance was ended: its time was over");
                StatusCode::GATEWAY_TIMEOUT
            }
        }
    });
    match head.await {
        Ok(Ok(response)) => response.map(|body| Guarded::new(body, ended).boxed_unsync()),
        Ok(Err(code)) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("the component answered with {code:?}"),
        ),
        Err(_) => {
            let status = task.await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            text(status, "the component ended without a response")
        }
    }
}

async fn handle(
    store: &mut Store<State>,
    pre: &ProxyPre<State>,
    request: Request<WasiBody>,
    head: oneshot::Sender<Head>,
) -> wasmtime::Result<()> {
    store.limiter(|state| &mut state.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
    let request = store
        .data_mut()
        .http()
        .new_incoming_request(Scheme::Http, request)?;
    let out = store.data_mut().http().new_response_outparam(head)?;
    let proxy = pre.instantiate_async(&mut *store).await?;
    proxy
        .wasi_http_incoming_handler()
        .call_handle(store, request, out)
        .await
}

/// `None` when `life` was over first.
async fn within<T>(life: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match life {
        None => Some(future.await),
        Some(life) => tokio::time::timeout(life, future).await.ok(),
    }
}
