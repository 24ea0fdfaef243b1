//! The protocol of OpenAI's `/v1/embeddings`, without the transport.

mod batch;
mod client;
mod error;
pub mod location;
mod manner;
mod refusal;
mod request;
mod response;

pub use self::batch::{Batcher, DEFAULT_BATCH_BYTES, DEFAULT_BATCH_INPUTS, MAX_BATCH_INPUTS};
pub use self::client::{Answer, Asked, Client, Transport};
pub use self::error::{Advice, EmbeddingError};
pub use self::manner::Manner;
pub use self::refusal::Refusal;
pub use self::request::request_body;
pub use self::response::{Embeddings, Expected, MAX_DIMENSION, parse_response};
