//! Rebuilds: durable jobs in the bucket, each done by a child process with a limit of its own.

#[cfg(feature = "faiss")]
pub mod child;
mod follow;
#[cfg(feature = "faiss")]
mod indexer;
mod metrics;
mod protocol;
mod queue;
mod worker;

pub use follow::COMMAND;
#[cfg(all(test, feature = "faiss"))]
pub(crate) use indexer::Faiss;
pub use metrics::metrics;
pub use protocol::Order;
pub use queue::{Counts, Queue, Queued};
pub use worker::{Work, Workers};

/// What the text of every refusal says where FAISS is not part of this binary.
pub const NO_FAISS: &str = "this dayfly was built without FAISS (--no-default-features): its stores are searched by their \
     segments alone";
