//! Why a run failed, and how to see it again.

use std::fmt::Display;

use thiserror::Error;

/// A promise that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{promise}: {message}")]
pub struct Violation {
    /// The promise, as the documentation names it.
    pub promise: &'static str,
    /// What was found instead.
    pub message: String,
}

impl Violation {
    /// `promise` does not hold, because of what `message` says.
    pub fn new(promise: &'static str, message: impl Display) -> Self {
        Self {
            promise,
            message: message.to_string(),
        }
    }
}

/// The promise that work that was accepted comes to an end.
pub const ENDS: &str = "ends";
/// The promise that nothing panics.
pub const NO_PANIC: &str = "no panic";

/// A run that failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("seed {seed}, step {step}, {time_ms} ms: promise \"{promise}\" is broken: {message}")]
pub struct Failure {
    /// What decided the run.
    pub seed: u64,
    /// Events until then.
    pub step: u64,
    /// Virtual milliseconds since the run began.
    pub time_ms: u64,
    /// The promise.
    pub promise: &'static str,
    /// What was found instead.
    pub message: String,
}
