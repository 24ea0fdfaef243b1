//! What one source of configuration says; flags, the environment and `dayfly.toml` share the shape.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroU64};
use std::path::PathBuf;

use clap::Args;
use dayfly::identity;
use dayfly::identity::MaxLife;
use dayfly::options::ServeOptions;
use serde::{Deserialize, Serialize};

use super::embed::Embed;
use super::quota::Quota;

/// Settings of `dayfly serve` as one source gives them: what it does not mention stays `None`.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Address to listen on; other than loopback only with --auth-key [default: 127.0.0.1:8787]
    #[arg(long, env = "DAYFLY_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,

    /// Where everything is kept: a folder, or s3://bucket/prefix, gs://…, az://… [default: ./data]
    #[arg(long, env = "DAYFLY_DATA", value_name = "DIR|URL")]
    pub data: Option<String>,

    /// Public key (PEM, Ed25519) whose tokens are accepted, or a folder of them; repeatable, and read
    /// again when it changes. Without one, there is one tenant, `default`, and no token is asked for
    #[arg(
        id = "auth-key",
        long = "auth-key",
        env = "DAYFLY_AUTH_KEYS",
        value_name = "PEM",
        value_delimiter = ','
    )]
    pub auth_keys: Option<Vec<PathBuf>>,

    /// List of tokens that are no longer accepted, as `dayfly token revoke` writes it; read again when
    /// it changes [default: none are revoked]
    #[arg(
        id = "auth-revoked",
        long = "auth-revoked",
        env = "DAYFLY_AUTH_REVOKED",
        value_name = "FILE"
    )]
    pub auth_revoked: Option<PathBuf>,

    /// How long tokens may be good, from their issue: 90d, 12h, or none for no limit [default: 366d]
    #[arg(
        id = "auth-max-life",
        long = "auth-max-life",
        env = "DAYFLY_AUTH_MAX_LIFE",
        value_name = "TIME"
    )]
    pub auth_max_life: Option<MaxLife>,

    /// Origin whose web pages may call the server, such as https://app.example; repeatable, and * for
    /// any, which needs --auth-key
    #[arg(
        id = "cors-origin",
        long = "cors-origin",
        env = "DAYFLY_CORS_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub cors_origins: Option<Vec<String>>,

    /// This host's name among all hosts of a bucket [default: kept in a local data folder, or else
    /// drawn at every start]
    #[arg(long, env = "DAYFLY_NODE", value_name = "NAME")]
    pub node: Option<String>,

    /// Where compiled guests are kept between starts [default: the user's cache folder]
    #[arg(long, env = "DAYFLY_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,

    /// Time that requests under way get to end at a shutdown [default: 10000]
    #[arg(
        id = "shutdown-grace-ms",
        long = "shutdown-grace-ms",
        env = "DAYFLY_SHUTDOWN_GRACE_MS",
        value_name = "MS"
    )]
    pub shutdown_grace_ms: Option<u64>,

    #[command(flatten, next_help_heading = "Embedder")]
    #[serde(default)]
    pub embed: Embed,

    #[command(flatten, next_help_heading = "Limits of one request")]
    #[serde(default)]
    pub limits: Limits,

    #[command(flatten, next_help_heading = "Limits of a tenant")]
    #[serde(default)]
    pub quota: Quota,

    /// `[tenants.NAME]`: limits of that tenant, over `[quota]`.
    #[arg(skip)]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, identity::Quota>,

    #[command(flatten, next_help_heading = "Ingestion jobs")]
    #[serde(default)]
    pub jobs: Jobs,

    #[command(flatten, next_help_heading = "Index")]
    #[serde(default)]
    pub index: Index,

    #[command(flatten, next_help_heading = "Large indexes (FAISS)")]
    #[serde(default)]
    pub rebuild: Rebuild,
}

/// `[limits]`: what one request may use, and how many there may be at once.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Memory of the request's instance [default: 128]
    #[arg(
        id = "limit-memory-mib",
        long = "limit-memory-mib",
        env = "DAYFLY_LIMIT_MEMORY_MIB",
        value_name = "MIB"
    )]
    pub memory_mib: Option<NonZeroU32>,

    /// CPU time [default: 120000]
    #[arg(
        id = "limit-cpu-ms",
        long = "limit-cpu-ms",
        env = "DAYFLY_LIMIT_CPU_MS",
        value_name = "MS"
    )]
    pub cpu_ms: Option<NonZeroU64>,

    /// Time by the clock [default: 300000]
    #[arg(
        id = "limit-wall-ms",
        long = "limit-wall-ms",
        env = "DAYFLY_LIMIT_WALL_MS",
        value_name = "MS"
    )]
    pub wall_ms: Option<NonZeroU64>,

    /// Size of the request's body [default: 512]
    #[arg(
        id = "limit-body-mib",
        long = "limit-body-mib",
        env = "DAYFLY_LIMIT_BODY_MIB",
        value_name = "MIB"
    )]
    pub body_mib: Option<NonZeroU32>,

    /// Size of a file, which may come in parts [default: 512]
    #[arg(
        id = "limit-file-mib",
        long = "limit-file-mib",
        env = "DAYFLY_LIMIT_FILE_MIB",
        value_name = "MIB"
    )]
    pub file_mib: Option<NonZeroU32>,

    /// HTTP requests it may send [default: 10000]
    #[arg(
        id = "limit-outbound-requests",
        long = "limit-outbound-requests",
        env = "DAYFLY_LIMIT_OUTBOUND_REQUESTS",
        value_name = "N"
    )]
    pub outbound_requests: Option<NonZeroU32>,

    /// Instances alive at once [default: 64]
    #[arg(
        id = "limit-instances",
        long = "limit-instances",
        env = "DAYFLY_LIMIT_INSTANCES",
        value_name = "N"
    )]
    pub instances: Option<NonZeroU32>,

    /// Instances alive at once for one tenant [default: 32]
    #[arg(
        id = "limit-instances-per-tenant",
        long = "limit-instances-per-tenant",
        env = "DAYFLY_LIMIT_INSTANCES_PER_TENANT",
        value_name = "N"
    )]
    pub instances_per_tenant: Option<NonZeroU32>,

    /// Requests that may wait for an instance; further ones are answered 503 [default: 256]
    #[arg(
        id = "limit-queue",
        long = "limit-queue",
        env = "DAYFLY_LIMIT_QUEUE",
        value_name = "N"
    )]
    pub queue: Option<u32>,

    /// How long a request waits for an instance before it is answered 503 [default: 10000]
    #[arg(
        id = "limit-queue-wait-ms",
        long = "limit-queue-wait-ms",
        env = "DAYFLY_LIMIT_QUEUE_WAIT_MS",
        value_name = "MS"
    )]
    pub queue_wait_ms: Option<NonZeroU64>,
}

/// `[jobs]`: ingestion that goes on after its request was answered.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Jobs {
    /// Jobs at work at once, and one more that has just begun; 0 leaves them to other hosts of the
    /// bucket [default: 2]
    #[arg(
        id = "job-concurrency",
        long = "job-concurrency",
        env = "DAYFLY_JOB_CONCURRENCY",
        value_name = "N"
    )]
    pub concurrency: Option<u32>,

    /// Memory of the job's instance [default: 128]
    #[arg(
        id = "job-memory-mib",
        long = "job-memory-mib",
        env = "DAYFLY_JOB_MEMORY_MIB",
        value_name = "MIB"
    )]
    pub memory_mib: Option<NonZeroU32>,

    /// CPU time [default: 1800000]
    #[arg(
        id = "job-cpu-ms",
        long = "job-cpu-ms",
        env = "DAYFLY_JOB_CPU_MS",
        value_name = "MS"
    )]
    pub cpu_ms: Option<NonZeroU64>,

    /// Time by the clock [default: 3600000]
    #[arg(
        id = "job-wall-ms",
        long = "job-wall-ms",
        env = "DAYFLY_JOB_WALL_MS",
        value_name = "MS"
    )]
    pub wall_ms: Option<NonZeroU64>,

    /// Time after which an ingestion notes how far it came and goes on in a fresh instance
    /// [default: none]
    #[arg(
        id = "job-step-ms",
        long = "job-step-ms",
        env = "DAYFLY_JOB_STEP_MS",
        value_name = "MS",
        hide = true
    )]
    pub step_ms: Option<NonZeroU64>,

    /// Time for which an ingestion that comes no further is tried again while the embedding service or
    /// the storage fails [default: 3600000]
    #[arg(
        id = "job-patience-ms",
        long = "job-patience-ms",
        env = "DAYFLY_JOB_PATIENCE_MS",
        value_name = "MS"
    )]
    pub patience_ms: Option<NonZeroU64>,
}

/// `[index]`: how segments are indexed.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Rows from which a segment gets a graph: milliseconds off a search for seconds of CPU when it is written [default: 1000000, so never]
    #[arg(
        id = "index-graph-min-rows",
        long = "index-graph-min-rows",
        env = "DAYFLY_INDEX_GRAPH_MIN_ROWS",
        value_name = "N"
    )]
    pub graph_min_rows: Option<NonZeroU32>,

    /// Rows at which a segment is closed [default: 24576]
    #[arg(
        id = "index-segment-max-rows",
        long = "index-segment-max-rows",
        env = "DAYFLY_INDEX_SEGMENT_MAX_ROWS",
        value_name = "N"
    )]
    pub segment_max_rows: Option<NonZeroU32>,
}

/// `[rebuild]`: large indexes, built in a process of their own.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rebuild {
    /// Rebuilds at once; 0 leaves them to other hosts of the bucket [default: 1]
    #[arg(
        id = "rebuild-concurrency",
        long = "rebuild-concurrency",
        env = "DAYFLY_REBUILD_CONCURRENCY",
        value_name = "N"
    )]
    pub concurrency: Option<u32>,

    /// Memory of a rebuild's process, which also decides what index it builds [default: 2048]
    #[arg(
        id = "rebuild-memory-mib",
        long = "rebuild-memory-mib",
        env = "DAYFLY_REBUILD_MEMORY_MIB",
        value_name = "MIB"
    )]
    pub memory_mib: Option<NonZeroU32>,

    /// Threads of a rebuild; 0 for as many as there are processors [default: 0]
    #[arg(
        id = "rebuild-threads",
        long = "rebuild-threads",
        env = "DAYFLY_REBUILD_THREADS",
        value_name = "N"
    )]
    pub threads: Option<u32>,

    /// Rows that no index knows from which a store is rebuilt; 0 for only when asked [default: 50000]
    #[arg(
        id = "rebuild-min-rows",
        long = "rebuild-min-rows",
        env = "DAYFLY_REBUILD_MIN_ROWS",
        value_name = "N"
    )]
    pub min_rows: Option<u32>,

    /// Indexes that stay open for searches [default: 1024]
    #[arg(
        id = "rebuild-open-mib",
        long = "rebuild-open-mib",
        env = "DAYFLY_REBUILD_OPEN_MIB",
        value_name = "MIB"
    )]
    pub open_mib: Option<NonZeroU32>,
}

impl Layer {
    /// Puts this layer over `lower`, and both over the defaults.
    ///
    /// # Errors
    /// When a value has no TOML form, which is so for integers from 2^63.
    pub fn over(&self, lower: &Self) -> Result<ServeOptions, ConvertError> {
        let mut merged = toml::Table::try_from(lower)?;
        overlay(&mut merged, toml::Table::try_from(self)?);
        Ok(merged.try_into()?)
    }
}

/// Layers that do not give options.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// A value has no TOML form.
    #[error("a setting is out of range: {0}")]
    Write(#[from] toml::ser::Error),
    /// The options refuse a value.
    #[error("a setting is refused: {0}")]
    Read(#[from] toml::de::Error),
}

fn overlay(lower: &mut toml::Table, upper: toml::Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => overlay(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
