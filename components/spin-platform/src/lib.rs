//! The platform, for hosts that lack it: the world `provider` of `dayfly:platform` over Spin
//! variables and plain HTTP.
//!
//! Objects are S3's, identity is a token signed by a key among the variables, settings are
//! variables. What decides anything is free of WASI and tested natively; `provider`
//! connects it to the component's exports.
#![allow(
    unsafe_code,
    reason = "generated: what exports a component to its host"
)]

pub mod config;
pub mod ed25519;
pub mod faiss;
pub mod s3;

#[cfg(target_family = "wasm")]
mod provider;
