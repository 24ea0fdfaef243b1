//! What guests get to know of the configuration.

use super::{NO_ORIGIN, Source, wrong};
use dayfly_core::rebuild::DEFAULT_MIN_ROWS;
use dayfly_core::segment::DEFAULT_SEGMENT_MAX_ROWS;

/// What guests get to know of the configuration; as the platform's `settings`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The embedding endpoint, whole; empty where the component was not given it.
    pub embedding_url: String,
    /// What the endpoint wants as `authorization`.
    pub embedding_authorization: Option<String>,
    /// What it wants beside, as headers.
    pub embedding_headers: Vec<(String, String)>,
    /// The model's name.
    pub embedding_model: String,
    /// The numbers that a vector is to have, where not as many as the model's.
    pub embedding_dimensions: Option<u32>,
    /// What goes before a text that is looked for.
    pub query_prefix: String,
    /// What goes before a text that is to be found.
    pub passage_prefix: String,
    /// The most inputs of one request.
    pub batch_inputs: u32,
    /// The most bytes of text of one request.
    pub batch_bytes: u32,
    /// The most requests under way at once.
    pub concurrency: u32,
    /// The most milliseconds of one request.
    pub request_timeout_ms: u64,
    /// The most milliseconds of one call, retries included.
    pub deadline_ms: u64,
    /// A segment with so many rows gets a graph.
    pub graph_min_rows: u32,
    /// A segment is closed at so many rows.
    pub segment_max_rows: u32,
    /// A store with so many rows that its native index does not know is to be rebuilt.
    pub rebuild_min_rows: u32,
    /// The largest file, in bytes.
    pub max_file_bytes: u64,
    /// An ingestion stops after so many milliseconds. Always some: nobody drives ingestions here, so
    /// guests have to, in steps of whatever length.
    pub step_ms: u64,
    /// For so many milliseconds an ingestion is tried again.
    pub patience_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            embedding_url: String::new(),
            embedding_authorization: None,
            embedding_headers: Vec::new(),
            embedding_model: String::new(),
            embedding_dimensions: None,
            query_prefix: String::new(),
            passage_prefix: String::new(),
            batch_inputs: 128,
            batch_bytes: 256 << 10,
            concurrency: 4,
            request_timeout_ms: 60_000,
            deadline_ms: 120_000,
            // A graph pays on large segments alone, which this host's memory does not hold.
            graph_min_rows: u32::MAX,
            segment_max_rows: DEFAULT_SEGMENT_MAX_ROWS,
            rebuild_min_rows: DEFAULT_MIN_ROWS,
            max_file_bytes: 512 << 20,
            step_ms: u64::MAX,
            patience_ms: 3_600_000,
        }
    }
}

impl Settings {
    pub(super) fn read(source: &Source<'_>) -> Result<Self, String> {
        let default = Self::default();
        let key = source.text("embedding_api_key")?;
        let step_ms = source.number("ingestion_step_ms", 0_u64, 0)?;
        let number = |name, default| source.number::<u32>(name, default, 1);
        let milliseconds = |name, default| source.number::<u64>(name, default, 1);
        Ok(Self {
            embedding_url: embedding_url(source)?,
            embedding_authorization: (!key.is_empty()).then(|| format!("Bearer {key}")),
            embedding_headers: headers(source)?,
            embedding_model: source.required("embedding_model")?,
            embedding_dimensions: Some(source.number("embedding_dimensions", 0, 0)?)
                .filter(|numbers| *numbers > 0),
            query_prefix: source.as_given("embedding_query_prefix")?,
            passage_prefix: source.as_given("embedding_passage_prefix")?,
            batch_inputs: number("embedding_batch_inputs", default.batch_inputs)?,
            batch_bytes: number("embedding_batch_bytes", default.batch_bytes)?,
            concurrency: number("embedding_concurrency", default.concurrency)?,
            request_timeout_ms: milliseconds(
                "embedding_request_timeout_ms",
                default.request_timeout_ms,
            )?,
            deadline_ms: milliseconds("embedding_deadline_ms", default.deadline_ms)?,
            rebuild_min_rows: source.number("rebuild_min_rows", default.rebuild_min_rows, 0)?,
            max_file_bytes: source.number("max_file_bytes", default.max_file_bytes, 1)?,
            patience_ms: milliseconds("ingestion_patience_ms", default.patience_ms)?,
            step_ms: if step_ms == 0 { u64::MAX } else { step_ms },
            ..default
        })
    }
}

/// `name: value`, one a line.
fn headers(source: &Source<'_>) -> Result<Vec<(String, String)>, String> {
    const HEADERS: &str = "embedding_headers";
    let text = source.text(HEADERS)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let parsed = lines.map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let name = name.trim();
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        is_name.then(|| (name.to_owned(), value.trim().to_owned()))
    });
    let parsed: Option<Vec<_>> = parsed.collect();
    // Its value is not shown: it may be a key.
    parsed.ok_or_else(|| wrong(HEADERS, "has to be lines of `name: value`"))
}

/// Components that never embed are not told where.
fn embedding_url(source: &Source<'_>) -> Result<String, String> {
    let origin = source.text("embedding_origin")?;
    if origin.is_empty() {
        return Ok(String::new());
    }
    let path = match source.text("embedding_path")? {
        empty if empty.is_empty() => "/v1/embeddings".to_owned(),
        path => path,
    };
    if !path.starts_with('/') {
        return Err(wrong("embedding_path", "has to begin with `/`"));
    }
    if super::origin(&origin).is_none() {
        return Err(wrong("embedding_origin", NO_ORIGIN));
    }
    let origin = origin.trim_end_matches('/');
    Ok(format!("{origin}{path}"))
}
