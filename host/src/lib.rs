//! Upload documents and search them; every request in a fresh WebAssembly instance.
#![deny(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

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
mod quota;
pub mod rebuild;
pub mod runtime;
pub mod serve;
#[cfg(test)]
mod testing;
