//! The configuration's embedding provider.

use std::num::{NonZeroU32, NonZeroU64};

use clap::Args;
use serde::{Deserialize, Serialize};

/// `[embed]`: who turns text into vectors.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Embed {
    /// Endpoint of OpenAI's embeddings protocol, whole: https://…/v1/embeddings
    /// [default: the built-in embedder]
    #[arg(
        id = "embed-url",
        long = "embed-url",
        env = "DAYFLY_EMBED_URL",
        value_name = "URL"
    )]
    pub url: Option<String>,

    /// Model to ask for; needed with --embed-url
    #[arg(
        id = "embed-model",
        long = "embed-model",
        env = "DAYFLY_EMBED_MODEL",
        value_name = "NAME"
    )]
    pub model: Option<String>,

    /// Another name that callers of /v1/embeddings may ask for the built-in model by; repeatable
    #[arg(
        id = "embed-alias",
        long = "embed-alias",
        env = "DAYFLY_EMBED_ALIASES",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub aliases: Option<Vec<String>>,

    /// Environment variable that holds the service's API key
    #[arg(
        id = "embed-key-env",
        long = "embed-key-env",
        env = "DAYFLY_EMBED_KEY_ENV",
        value_name = "VARIABLE"
    )]
    pub key_env: Option<String>,

    /// Header that the service wants beside, and the environment variable that holds its value;
    /// repeatable
    #[arg(
        id = "embed-header",
        long = "embed-header",
        env = "DAYFLY_EMBED_HEADERS",
        value_name = "NAME=VARIABLE",
        value_delimiter = ','
    )]
    pub headers: Option<Vec<String>>,

    /// Numbers in a vector, of a model that can [default: the model's]
    #[arg(
        id = "embed-dimensions",
        long = "embed-dimensions",
        env = "DAYFLY_EMBED_DIMENSIONS",
        value_name = "N"
    )]
    pub dimensions: Option<NonZeroU32>,

    /// Text that goes before each query, for models that want one
    #[arg(
        id = "embed-query-prefix",
        long = "embed-query-prefix",
        env = "DAYFLY_EMBED_QUERY_PREFIX",
        value_name = "TEXT"
    )]
    pub query_prefix: Option<String>,

    /// Text that goes before each passage of a document
    #[arg(
        id = "embed-passage-prefix",
        long = "embed-passage-prefix",
        env = "DAYFLY_EMBED_PASSAGE_PREFIX",
        value_name = "TEXT"
    )]
    pub passage_prefix: Option<String>,

    /// Chunks in one embedding request [default: 64]
    #[arg(
        id = "embed-batch-inputs",
        long = "embed-batch-inputs",
        env = "DAYFLY_EMBED_BATCH_INPUTS",
        value_name = "N"
    )]
    pub batch_inputs: Option<NonZeroU32>,

    /// Bytes of text in one embedding request [default: 262144]
    #[arg(
        id = "embed-batch-bytes",
        long = "embed-batch-bytes",
        env = "DAYFLY_EMBED_BATCH_BYTES",
        value_name = "BYTES"
    )]
    pub batch_bytes: Option<NonZeroU32>,

    /// Embedding requests under way at once, for each instance [default: 4]
    #[arg(
        id = "embed-concurrency",
        long = "embed-concurrency",
        env = "DAYFLY_EMBED_CONCURRENCY",
        value_name = "N"
    )]
    pub concurrency: Option<NonZeroU32>,

    /// Time for one embedding request [default: 60000]
    #[arg(
        id = "embed-request-timeout-ms",
        long = "embed-request-timeout-ms",
        env = "DAYFLY_EMBED_REQUEST_TIMEOUT_MS",
        value_name = "MS"
    )]
    pub request_timeout_ms: Option<NonZeroU64>,

    /// Time for one embedding request and all its retries [default: 300000]
    #[arg(
        id = "embed-deadline-ms",
        long = "embed-deadline-ms",
        env = "DAYFLY_EMBED_DEADLINE_MS",
        value_name = "MS"
    )]
    pub deadline_ms: Option<NonZeroU64>,
}
