//! Upload documents and search them; every request in a fresh WebAssembly instance.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod admission;
mod collector;
#[cfg(feature = "faiss")]
pub mod confined;
pub mod doctor;
#[cfg(feature = "faiss")]
pub mod exchange;
pub mod faiss;
pub mod guests;
pub mod identity;
pub mod jobs;
pub mod metrics;
pub mod options;
pub mod platform;
mod queue;
mod quota;
pub mod rebuild;
pub mod runtime;
pub mod serve;
pub mod storage;
#[cfg(test)]
mod testing;
mod turns;
