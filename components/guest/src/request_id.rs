//! The id by which the host's log and the answer name this request.

use std::sync::OnceLock;

pub use dayfly_core::request_id::HEADER;
use dayfly_core::request_id::is_sane;
use spin_sdk::http::IncomingRequest;

use crate::clock;

/// Of the one request that this instance serves.
static ID: OnceLock<String> = OnceLock::new();

/// Takes the request's own id where it is sane.
pub fn keep(request: &IncomingRequest) {
    let sent = request.headers().get(HEADER);
    let own = sent
        .into_iter()
        .next()
        .and_then(|value| String::from_utf8(value).ok())
        .filter(|id| is_sane(id));
    if let Some(own) = own {
        ID.get_or_init(|| own);
    }
}

/// The request's id; a new one where it brought none.
pub fn get() -> &'static str {
    ID.get_or_init(|| format!("req_{:016x}{:016x}", clock::random(), clock::random()))
}
