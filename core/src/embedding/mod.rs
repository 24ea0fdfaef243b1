//! The protocol of OpenAI's `/v1/embeddings`, without the transport.

mod batch;
mod error;
mod request;
mod response;

pub use self::batch::{Batcher, DEFAULT_BATCH_BYTES, DEFAULT_BATCH_INPUTS, MAX_BATCH_INPUTS};
pub use self::error::{Advice, EmbeddingError};
pub use self::request::request_body;
pub use self::response::{Embeddings, Expected, MAX_DIMENSION, parse_response};
