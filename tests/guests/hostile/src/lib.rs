//! A guest that tries everything a guest must not be able to do. For tests only.
//!
//! The last segment of the path chooses what it tries; it answers with plain text.
#![cfg(target_family = "wasm")]
#![allow(
    unsafe_code,
    clippy::exit,
    reason = "what is generated, and what it tries"
)]

mod attempts;
mod escapes;

use futures::SinkExt;
use spin_sdk::http::{Headers, IncomingRequest, OutgoingResponse, ResponseOutparam};
use spin_sdk::http_component;

mod platform {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "guest",
        generate_all,
    });
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let target = request.path_with_query().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let attempt = path.rsplit('/').next().unwrap_or_default().to_owned();
    let argument = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        let found = pairs.find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let text = match attempt.as_str() {
        "stash" => attempts::stash(request.into_body().await.unwrap_or_default()),
        "echo" => match request.into_body().await {
            Ok(body) => body.len().to_string(),
            Err(error) => return answer(out, 400, error.to_string()).await,
        },
        "headers" => attempts::headers(&request),
        "broken" => return attempts::broken(out).await,
        "late" => {
            answer(out, 200, "answered".into()).await;
            attempts::spin()
        }
        "outbound" => escapes::outbound(&argument("url"), 1).await,
        "flood" => escapes::outbound(&argument("url"), 1_000).await,
        "key" => {
            let authorization = attempts::header(&request, "authorization");
            escapes::key(authorization.as_deref(), &argument("key"))
        }
        "unauthenticated" => escapes::objects("probe"),
        "process" => attempts::process(&request),
        "schedule" => escapes::schedule(&argument("file")),
        other => attempts::run(other),
    };
    answer(out, 200, text).await;
}

async fn answer(out: ResponseOutparam, status: u16, text: String) {
    let response = OutgoingResponse::new(Headers::new());
    // A number between 100 and 999 is a status.
    let _ = response.set_status_code(status);
    let mut body = response.take_body();
    out.set(response);
    // The client may be gone; there is nobody else to tell.
    let _ = body.send(text.into_bytes()).await;
}
