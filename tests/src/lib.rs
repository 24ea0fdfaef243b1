//! The harness of the end-to-end tests: the real binary as a child process, an HTTP client for
//! its public interface, and an embedding provider that is deterministic, fast and faulty on
//! request.
//!
//! A harness reports by panicking, so its helpers `unwrap` where a test would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod api;
pub mod binary;
pub mod builder;
pub mod cli;
pub mod client;
pub mod composed;
pub mod embedder;
mod embedder_answers;
pub mod endurance;
pub mod fault;
pub mod habit;
pub mod isolation;
pub mod key;
pub mod metrics;
pub mod mount;
pub mod parts;
pub mod peer;
pub mod picture;
pub mod plain_host;
pub mod process;
pub mod raw;
pub mod rebuild;
pub mod rows;
pub mod s3;
pub mod s3_proxy;
pub mod scenario;
pub mod server;
pub mod slope;
pub mod target;
pub mod text;
pub mod topics;
pub mod vector;
pub mod venv;
pub mod wait;

pub use builder::Builder;
pub use cli::Cli;
pub use client::{Answer, Client};
pub use embedder::FakeEmbedder;
pub use fault::Fault;
pub use habit::Habit;
pub use server::Server;
pub use target::Target;
