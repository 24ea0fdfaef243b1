//! OpenAI's vector store file object, and what is asked of those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ApiError;
use crate::chunk::{AUTO_CHARACTERS, AUTO_OVERLAP_CHARACTERS, ChunkingStrategy};
use crate::filter::{AttributeValue, Attributes, parse_attributes};
use crate::pending::{LastError, Pending, Status};
use crate::store::FileEntry;

/// `POST /v1/vector_stores/{id}/files`, and a file of a batch that is treated as it says.
#[derive(Debug, Clone, Deserialize)]
pub struct AttachFile {
    /// The uploaded file.
    pub file_id: String,
    /// For filters.
    pub attributes: Option<Value>,
    /// How to split it.
    pub chunking_strategy: Option<Value>,
}

/// How a file is to be treated that is attached.
#[derive(Debug, Clone, PartialEq)]
pub struct Treatment {
    /// What it will carry.
    pub attributes: Attributes,
    /// How to split it.
    pub chunking: ChunkingStrategy,
}

impl Treatment {
    /// As a request says; what it leaves out is nothing, and `auto`.
    ///
    /// # Errors
    ///
    /// 400 that names the field and its bounds.
    pub fn parse(attributes: Option<&Value>, chunking: Option<&Value>) -> Result<Self, ApiError> {
        Ok(Self {
            attributes: parse_attributes(attributes.unwrap_or(&Value::Null))?,
            chunking: match chunking {
                Some(value) => ChunkingStrategy::parse(value)?,
                None => ChunkingStrategy::Auto,
            },
        })
    }
}

impl AttachFile {
    /// How it is to be treated.
    ///
    /// # Errors
    ///
    /// As of [`Treatment::parse`].
    pub fn treatment(&self) -> Result<Treatment, ApiError> {
        Treatment::parse(self.attributes.as_ref(), self.chunking_strategy.as_ref())
    }
}

/// `POST /v1/vector_stores/{id}/files/{file_id}`.
#[derive(Debug, Clone, Deserialize)]
pub struct UpdateAttributes {
    /// All of them, in place of the old ones.
    pub attributes: Option<Value>,
}

/// OpenAI's vector store file object.
#[derive(Debug, Clone, Serialize)]
pub struct StoreFileObject {
    /// The file's id.
    pub id: String,
    object: &'static str,
    usage_bytes: u64,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
    vector_store_id: String,
    /// Where it stands.
    pub status: Status,
    last_error: Option<LastError>,
    chunking_strategy: Value,
    attributes: BTreeMap<String, AttributeValue>,
    filename: String,
}

impl StoreFileObject {
    /// A file that is searchable.
    pub fn completed(store: &str, file: &FileEntry) -> Self {
        Self {
            id: file.file_id.clone(),
            object: "vector_store.file",
            usage_bytes: file.usage_bytes,
            created_at: file.created_at,
            vector_store_id: store.to_owned(),
            status: Status::Completed,
            last_error: None,
            chunking_strategy: chunking_object(&file.chunking),
            attributes: file.attributes.clone(),
            filename: file.filename.clone(),
        }
    }

    /// A file that is not, or not yet, or not in this new way.
    pub fn pending(store: &str, pending: &Pending) -> Self {
        Self {
            id: pending.file_id.clone(),
            object: "vector_store.file",
            usage_bytes: 0,
            created_at: pending.created_at,
            vector_store_id: store.to_owned(),
            status: pending.status,
            last_error: pending.last_error.clone(),
            chunking_strategy: chunking_object(&pending.chunking),
            attributes: pending.attributes.clone(),
            filename: pending.filename.clone(),
        }
    }
}

/// OpenAI's response form: `static` as it is, everything else is `other`, with the sizes.
fn chunking_object(chunking: &ChunkingStrategy) -> Value {
    let (max, overlap) = match *chunking {
        ChunkingStrategy::Static { .. } => return json!(chunking),
        ChunkingStrategy::Auto => (AUTO_CHARACTERS, AUTO_OVERLAP_CHARACTERS),
        ChunkingStrategy::Characters {
            max_chunk_size_chars,
            chunk_overlap_chars,
        } => (max_chunk_size_chars, chunk_overlap_chars),
    };
    json!({
        "type": "other",
        "characters": {"max_chunk_size_chars": max, "chunk_overlap_chars": overlap},
    })
}

/// What stands around a file's text in the one page of its content.
pub const CONTENT_PAGE: [&str; 2] = [
    r#"{"object":"vector_store.file_content.page","data":[{"type":"text","text":""#,
    r#""}],"has_more":false,"next_page":null}"#,
];
