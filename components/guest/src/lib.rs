//! What the guests share: one request in, one answer out, and the platform in between.

mod bindings;
pub mod body;
pub mod call;
pub mod clock;
pub mod embed;
pub mod platform;
pub mod reply;
pub mod stores;

use std::sync::atomic::{AtomicBool, Ordering};

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Traps when this instance has served a request before: a host that reuses instances would
/// break the promise that nothing outlives a request.
pub fn enter_once() {
    if ENTERED.swap(true, Ordering::Relaxed) {
        std::process::abort();
    }
}
