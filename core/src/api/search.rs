//! OpenAI's vector store search.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ApiError;
use crate::filter::AttributeValue;
use crate::search::Found;

const MOST_RESULTS: u32 = 50;
const DEFAULT_RESULTS: u32 = 10;
const MOST_QUERIES: usize = 64;

/// `POST /v1/vector_stores/{id}/search`.
#[derive(Debug, Clone, Deserialize)]
pub struct SearchRequest {
    query: Option<OneOrMore>,
    /// A comparison or compound filter over attributes.
    pub filters: Option<Value>,
    max_num_results: Option<Value>,
    ranking_options: Option<RankingOptions>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Clone, Deserialize)]
struct RankingOptions {
    score_threshold: Option<f64>,
}

impl SearchRequest {
    /// The queries, none of them blank.
    pub fn queries(&self) -> Result<Vec<String>, ApiError> {
        let queries = match &self.query {
            Some(OneOrMore::One(query)) => vec![query.clone()],
            Some(OneOrMore::More(queries)) => queries.clone(),
            Some(OneOrMore::Other(_)) | None => Vec::new(),
        };
        let usable = (1..=MOST_QUERIES).contains(&queries.len())
            && queries.iter().all(|query| !query.trim().is_empty());
        if usable {
            return Ok(queries);
        }
        Err(ApiError::invalid_request(format!(
            "'query' takes a text that is not blank, or a list of 1 to {MOST_QUERIES} such texts."
        ))
        .param("query"))
    }

    /// How many results are wanted.
    pub fn limit(&self) -> Result<usize, ApiError> {
        let Some(value) = &self.max_num_results else {
            return Ok(DEFAULT_RESULTS as usize);
        };
        match value.as_u64() {
            Some(limit) if (1..=u64::from(MOST_RESULTS)).contains(&limit) => Ok(limit as usize),
            _ => Err(ApiError::invalid_request(format!(
                "'max_num_results' is {value}; send a whole number from 1 to {MOST_RESULTS}."
            ))
            .param("max_num_results")),
        }
    }

    /// The lowest score that is wanted, in `0.0..=1.0`.
    pub fn threshold(&self) -> Result<f32, ApiError> {
        let asked = self
            .ranking_options
            .as_ref()
            .and_then(|options| options.score_threshold);
        match asked {
            None => Ok(0.0),
            Some(threshold) if (0.0..=1.0).contains(&threshold) => Ok(threshold as f32),
            Some(threshold) => Err(ApiError::invalid_request(format!(
                "'score_threshold' is {threshold}; send a number from 0 to 1."
            ))
            .param("ranking_options.score_threshold")),
        }
    }
}

/// A piece of text.
#[derive(Debug, Clone, Serialize)]
pub struct TextContent {
    r#type: &'static str,
    text: String,
}

impl TextContent {
    /// The piece.
    pub fn new(text: String) -> Self {
        Self {
            r#type: "text",
            text,
        }
    }
}

/// Where in its file a passage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SearchChunk {
    /// Its number among the file's chunks, from 0.
    pub number: u32,
    /// Its first byte in the file's text.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
}

/// A passage that was found.
#[derive(Debug, Clone, Serialize)]
pub struct SearchResult {
    /// Its file.
    pub file_id: String,
    /// Its file's name.
    pub filename: String,
    /// Cosine similarity to the best of the queries, negative ones as 0.
    pub score: f32,
    /// Its file's attributes.
    pub attributes: BTreeMap<String, AttributeValue>,
    /// Its text.
    pub content: Vec<TextContent>,
    /// Where it stands.
    pub chunk: SearchChunk,
}

impl From<Found> for SearchResult {
    fn from(found: Found) -> Self {
        let Found { file, row, score } = found;
        Self {
            file_id: file.file_id,
            filename: file.filename,
            score,
            attributes: file.attributes,
            chunk: SearchChunk {
                number: row.chunk,
                start: row.start,
                end: row.end,
            },
            content: vec![TextContent::new(row.text)],
        }
    }
}

/// The answer to a search, best first.
#[derive(Debug, Clone, Serialize)]
pub struct SearchPage {
    object: &'static str,
    search_query: Vec<String>,
    data: Vec<SearchResult>,
    has_more: bool,
    next_page: Option<String>,
}

impl SearchPage {
    /// All that was found.
    pub fn new(queries: Vec<String>, data: Vec<SearchResult>) -> Self {
        Self {
            object: "vector_store.search_results.page",
            search_query: queries,
            data,
            has_more: false,
            next_page: None,
        }
    }
}
