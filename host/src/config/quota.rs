//! The configuration's quotas.

use clap::Args;
use serde::{Deserialize, Serialize};

/// `[quota]`: what each tenant may have and do at most; `[tenants.NAME]` and a token's claim go over it.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Bytes of all that is stored for it [default: no limit]
    #[arg(
        id = "quota-stored-bytes",
        long = "quota-stored-bytes",
        env = "DAYFLY_QUOTA_STORED_BYTES",
        value_name = "BYTES"
    )]
    pub stored_bytes: Option<u64>,

    /// Files [default: no limit]
    #[arg(
        id = "quota-files",
        long = "quota-files",
        env = "DAYFLY_QUOTA_FILES",
        value_name = "N"
    )]
    pub files: Option<u64>,

    /// Vector stores [default: no limit]
    #[arg(
        id = "quota-stores",
        long = "quota-stores",
        env = "DAYFLY_QUOTA_STORES",
        value_name = "N"
    )]
    pub stores: Option<u64>,

    /// Requests a second, each host by itself; further ones are answered 429 [default: no limit]
    #[arg(
        id = "quota-requests-per-second",
        long = "quota-requests-per-second",
        env = "DAYFLY_QUOTA_REQUESTS_PER_SECOND",
        value_name = "N"
    )]
    pub requests_per_second: Option<f64>,

    /// Requests under way at once; further ones are answered 429 [default: no limit]
    #[arg(
        id = "quota-concurrent-requests",
        long = "quota-concurrent-requests",
        env = "DAYFLY_QUOTA_CONCURRENT_REQUESTS",
        value_name = "N"
    )]
    pub concurrent_requests: Option<u64>,

    /// Tokens of text embedded in a minute, four bytes each; ingestion slows down to it, and searches
    /// are answered 429 [default: no limit]
    #[arg(
        id = "quota-embedded-tokens-per-minute",
        long = "quota-embedded-tokens-per-minute",
        env = "DAYFLY_QUOTA_EMBEDDED_TOKENS_PER_MINUTE",
        value_name = "N"
    )]
    pub embedded_tokens_per_minute: Option<u64>,
}
