//! The composed components, on a plain WASI host that gives them Spin's variables.

use std::process::Command;

use crate::builder::{Builder, PREFIX};
use crate::plain_host::{composed, manifest, spin_host};

/// Options of `dayfly serve` and the variables of `spin.toml` that mean the same.
const VARIABLES: [(&str, &str); 10] = [
    ("--auth-max-life", "token_max_life"),
    ("--embed-batch-bytes", "embedding_batch_bytes"),
    ("--embed-batch-inputs", "embedding_batch_inputs"),
    ("--embed-concurrency", "embedding_concurrency"),
    ("--embed-deadline-ms", "embedding_deadline_ms"),
    ("--embed-request-timeout-ms", "embedding_request_timeout_ms"),
    ("--job-patience-ms", "ingestion_patience_ms"),
    ("--job-step-ms", "ingestion_step_ms"),
    ("--rebuild-min-rows", "rebuild_min_rows"),
    (FAISS_ORIGIN, "faiss_origin"),
];

/// Where a native Dayfly is, for the composed target alone.
pub const FAISS_ORIGIN: &str = "--faiss-origin";

/// The host on `spin.toml`.
///
/// # Panics
/// When something was asked for that this target does not have.
pub(crate) fn command(builder: &Builder) -> Command {
    assert!(
        builder.arguments.is_empty(),
        "{:?} are for `dayfly serve` only",
        builder.arguments
    );
    spin_host(&manifest(), &composed(""), &variables(builder))
}

fn variables(builder: &Builder) -> Vec<(&'static str, String)> {
    let bucket = builder.bucket.as_ref().unwrap();
    let credentials = builder.credentials(bucket);
    let url = builder.embed_url.as_deref();
    let url = url.unwrap_or_else(|| panic!("a composed target has no embedder of its own"));
    let (origin, path) = split(url);
    let mut variables = vec![
        ("s3_endpoint", builder.endpoint(bucket)),
        ("s3_bucket", bucket.name().to_owned()),
        ("s3_prefix", PREFIX.to_owned()),
        ("s3_access_key_id", credentials.id),
        ("s3_secret_access_key", credentials.secret),
        ("embedding_origin", origin.to_owned()),
        ("embedding_path", path.to_owned()),
        ("embedding_model", builder.model_name().to_owned()),
    ];
    if let Some(key) = &builder.embed_key {
        variables.push(("embedding_api_key", key.clone()));
    }
    match builder.auth_keys.is_empty() {
        true => variables.push(("anonymous_tenant", "default".to_owned())),
        false => variables.push(("token_keys", keys(builder))),
    }
    if let Some(list) = &builder.auth_revoked {
        let text = std::fs::read_to_string(list).unwrap();
        variables.push(("token_revoked", text));
    }
    for (option, value) in &builder.options {
        variables.push((variable(option), value.clone()));
    }
    variables
}

fn keys(builder: &Builder) -> String {
    let read = |path| std::fs::read_to_string(path).unwrap();
    builder.auth_keys.iter().map(read).collect()
}

fn variable(option: &str) -> &'static str {
    let mut known = VARIABLES.iter();
    let found = known.find(|(name, _)| *name == option);
    found
        .unwrap_or_else(|| panic!("{option} is for `dayfly serve` only"))
        .1
}

/// The origin and the path of a URL.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    url.split_at(path)
}
