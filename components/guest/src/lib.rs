//! What the guests share: one request in, one answer out, and the platform in between.

mod bindings;
pub mod body;
pub mod call;
pub mod embed;
pub mod faiss;
mod made;
pub mod platform;
mod provider;
pub mod reply;
mod request_id;
pub mod stores;
mod surroundings;
mod tidy;

pub use dayfly_clock as clock;
pub use made::Made;
pub use surroundings::{GuestClock, indexing, platform, upkeep};
pub use tidy::tidy;

use std::sync::atomic::{AtomicBool, Ordering};

use spin_sdk::http::IncomingRequest;

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Begins to serve a request. Traps when this instance has served one before: a host that reuses
/// instances would break the promise that nothing outlives a request.
pub fn enter_once(request: &IncomingRequest) {
    if ENTERED.swap(true, Ordering::Relaxed) {
        std::process::abort();
    }
    request_id::keep(request);
}
