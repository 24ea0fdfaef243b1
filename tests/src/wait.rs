//! Waiting for a condition, never for a length of time.

use std::time::{Duration, Instant};

/// How long a condition may take before the test has failed: far more than it takes.
pub const DEADLINE: Duration = Duration::from_secs(120);

/// Calls `probe` until it gives a value.
///
/// # Panics
/// When [`DEADLINE`] passes; the message names `what` was awaited.
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    until_within(DEADLINE, what, probe)
}

/// Like [`until`], with a deadline of the caller's.
///
/// # Panics
/// When `deadline` passes.
pub fn until_within<T>(deadline: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(
            Instant::now() < end,
            "waited {deadline:?} in vain for: {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}
