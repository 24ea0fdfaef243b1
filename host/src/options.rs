//! What an operator can set, with its defaults: the shape of `dayfly.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dayfly_core::rebuild::DEFAULT_MIN_ROWS;
use dayfly_core::segment::{DEFAULT_GRAPH_MIN_ROWS, DEFAULT_SEGMENT_MAX_ROWS};
use dayfly_identity::{MaxLife, Quota};
use serde::{Deserialize, Serialize};

/// Everything `dayfly serve` can be told. The defaults serve a single machine on loopback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeOptions {
    /// Address and port; port 0 takes a free one. Only loopback without `auth_keys`.
    pub listen: String,
    /// A directory, or `s3://bucket/prefix`, `gs://…`, `az://…`.
    pub data: String,
    /// Ed25519 public keys (PEM), or folders of them, that bearer tokens are verified against.
    pub auth_keys: Vec<PathBuf>,
    /// The list of tokens that are no longer accepted. Unset: none are revoked.
    pub auth_revoked: Option<PathBuf>,
    /// How long tokens may be good.
    pub auth_max_life: MaxLife,
    /// The origins whose web pages may call this server, such as `https://app.example`; `*` means any,
    /// which needs `auth_keys`.
    pub cors_origins: Vec<String>,
    /// This host's name among all hosts of a bucket. Unset: kept in a local data directory,
    /// otherwise drawn at every start.
    pub node: Option<String>,
    /// Where compiled guests are kept between starts. Unset: the user's cache directory.
    pub cache: Option<PathBuf>,
    /// Milliseconds that requests under way get to end at a shutdown.
    pub shutdown_grace_ms: u64,
    /// The embedder.
    pub embed: EmbedOptions,
    /// What one request, and all of them together, may use.
    pub limits: LimitOptions,
    /// What each tenant may have and do at most.
    pub quota: Quota,
    /// The same of single tenants, by name: what is set there goes over `quota`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, Quota>,
    /// Ingestion that goes on after a response.
    pub jobs: JobOptions,
    /// How vectors are stored.
    pub index: IndexOptions,
    /// Large indexes by FAISS.
    pub rebuild: RebuildOptions,
}

/// Where text becomes vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbedOptions {
    /// An endpoint of OpenAI's embeddings protocol, whole (`https://…/v1/embeddings`). Unset:
    /// the embedded embedder.
    pub url: Option<String>,
    /// The model to ask for. Needed with `url`.
    pub model: Option<String>,
    /// Other names that callers of `/v1/embeddings` may ask for the embedded model by.
    pub aliases: Vec<String>,
    /// The environment variable that holds the endpoint's key.
    pub key_env: Option<String>,
    /// Headers that the endpoint wants beside: `NAME=VARIABLE`, the environment variable that holds the
    /// value.
    pub headers: Vec<String>,
    /// The numbers that a vector is to have, of a model that can; unset, as many as the model's.
    pub dimensions: Option<u32>,
    /// What goes before a text that is looked for.
    pub query_prefix: String,
    /// What goes before a text that is to be found.
    pub passage_prefix: String,
    /// The most inputs of one request.
    pub batch_inputs: u32,
    /// The most bytes of text of one request.
    pub batch_bytes: u32,
    /// The most requests under way at once for one ingestion.
    pub concurrency: u32,
    /// The most milliseconds of one request, answer included.
    pub request_timeout_ms: u64,
    /// The most milliseconds that one call may go on retrying.
    pub deadline_ms: u64,
}

/// Limits of requests. Those of one instance hold from its first instruction to its last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOptions {
    /// Linear memory of one instance, all its memories together.
    pub memory_mib: u32,
    /// CPU time of one instance.
    pub cpu_ms: u64,
    /// Life time of one instance.
    pub wall_ms: u64,
    /// The largest request body.
    pub body_mib: u32,
    /// The largest file, which may come in parts.
    pub file_mib: u32,
    /// Outbound HTTP requests of one instance.
    pub outbound_requests: u32,
    /// Instances alive at once.
    pub instances: u32,
    /// Instances alive at once for one tenant.
    pub instances_per_tenant: u32,
    /// Requests that may wait for an instance.
    pub queue: u32,
    /// Milliseconds that a request waits before it is turned away.
    pub queue_wait_ms: u64,
}

/// Limits of ingestion that goes on after a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobOptions {
    /// Jobs under way at once, beside `limits.instances`, and one more that has just begun. 0 leaves
    /// them to other hosts.
    pub concurrency: u32,
    /// Linear memory of one instance.
    pub memory_mib: u32,
    /// CPU time of one instance.
    pub cpu_ms: u64,
    /// Life time of one instance.
    pub wall_ms: u64,
    /// Milliseconds after which an ingestion notes how far it came and goes on in a fresh
    /// instance. Unset: it goes on until it is done.
    pub step_ms: Option<u64>,
    /// For so many milliseconds an ingestion that comes no further is tried again where what it depends on
    /// fails.
    pub patience_ms: u64,
}

/// How vectors are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexOptions {
    /// Segments with at least this many rows get a graph.
    pub graph_min_rows: u32,
    /// A segment is closed at this many rows.
    pub segment_max_rows: u32,
}

/// Large indexes, which FAISS builds in a process of its own and which this one maps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RebuildOptions {
    /// Rebuilds at once. 0 leaves them to other hosts of the bucket.
    pub concurrency: u32,
    /// Memory of one's process, beyond which it fails. Also decides which index is built.
    pub memory_mib: u32,
    /// Threads of one. 0: as many as there are processors.
    pub threads: u32,
    /// A store with so many rows that its index does not know is rebuilt. 0: only when asked.
    pub min_rows: u32,
    /// Indexes that stay open for searches, by the bytes of their files: the last one used stays
    /// open however large it is.
    pub open_mib: u32,
}

impl JobOptions {
    /// Instances for jobs at once: one more that has just begun may be beside the others.
    pub fn instances(&self) -> u32 {
        match self.concurrency {
            0 => 0,
            some => some.saturating_add(1),
        }
    }
}

impl Default for RebuildOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            memory_mib: 2_048,
            threads: 0,
            min_rows: DEFAULT_MIN_ROWS,
            open_mib: 1_024,
        }
    }
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8787".into(),
            data: "./data".into(),
            auth_keys: Vec::new(),
            auth_revoked: None,
            auth_max_life: MaxLife::default(),
            cors_origins: Vec::new(),
            node: None,
            cache: None,
            shutdown_grace_ms: 10_000,
            embed: EmbedOptions::default(),
            limits: LimitOptions::default(),
            quota: Quota::NONE,
            tenants: BTreeMap::new(),
            jobs: JobOptions::default(),
            index: IndexOptions::default(),
            rebuild: RebuildOptions::default(),
        }
    }
}

impl Default for EmbedOptions {
    fn default() -> Self {
        Self {
            url: None,
            model: None,
            aliases: Vec::new(),
            key_env: None,
            headers: Vec::new(),
            dimensions: None,
            query_prefix: String::new(),
            passage_prefix: String::new(),
            batch_inputs: 64,
            batch_bytes: 262_144,
            concurrency: 4,
            request_timeout_ms: 60_000,
            deadline_ms: 300_000,
        }
    }
}

impl Default for LimitOptions {
    fn default() -> Self {
        Self {
            memory_mib: 128,
            cpu_ms: 120_000,
            wall_ms: 300_000,
            body_mib: 512,
            file_mib: 512,
            outbound_requests: 10_000,
            instances: 64,
            instances_per_tenant: 32,
            queue: 256,
            queue_wait_ms: 10_000,
        }
    }
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            concurrency: 2,
            memory_mib: 128,
            cpu_ms: 1_800_000,
            wall_ms: 3_600_000,
            step_ms: None,
            patience_ms: 3_600_000,
        }
    }
}

impl Default for IndexOptions {
    fn default() -> Self {
        Self {
            graph_min_rows: DEFAULT_GRAPH_MIN_ROWS,
            segment_max_rows: DEFAULT_SEGMENT_MAX_ROWS,
        }
    }
}
