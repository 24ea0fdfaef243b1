//! A row as other programs see it.

use std::borrow::Cow;

use dayfly_langchain::Document;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A row as other programs see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Unique; which one Dayfly gives says the file and the chunk's number.
    #[serde(default)]
    pub id: Option<String>,
    /// The text.
    pub text: String,
    /// What is known of it. `source` names the file that it comes from.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

/// The name of what a text comes from, as LangChain's loaders call it.
const SOURCE: &str = "source";
/// What Dayfly adds to a row's metadata, beside the attributes of its file.
pub const PLACE: [&str; 4] = ["file_id", "chunk", "start", "end"];

impl Chunk {
    /// A row of a file with these attributes.
    pub fn of_row(
        row: &dayfly_core::segment::NewRow<'_>,
        filename: &str,
        attributes: impl Serialize,
    ) -> Self {
        let mut metadata = match json!(attributes) {
            Value::Object(attributes) => attributes,
            _ => Map::new(),
        };
        metadata.insert(SOURCE.to_owned(), filename.into());
        metadata.insert(PLACE[0].to_owned(), row.file_id.into());
        metadata.insert(PLACE[1].to_owned(), row.chunk.into());
        metadata.insert(PLACE[2].to_owned(), row.start.into());
        metadata.insert(PLACE[3].to_owned(), row.end.into());
        Self {
            id: Some(format!("{}-{:05}", row.file_id, row.chunk)),
            text: row.text.to_owned(),
            metadata,
        }
    }

    /// What it comes from; texts without a source come from `default`.
    pub fn source(&self, default: &str) -> Cow<'_, str> {
        match self.metadata.get(SOURCE) {
            Some(Value::String(source)) if !source.is_empty() => Cow::Borrowed(source),
            Some(Value::Number(number)) => Cow::Owned(number.to_string()),
            _ => Cow::Owned(default.to_owned()),
        }
    }

    /// What may become an attribute of its file.
    pub fn attributes(&self) -> impl Iterator<Item = (&String, &Value)> {
        let own = |key: &str| key == SOURCE || PLACE.contains(&key);
        self.metadata.iter().filter(move |(key, value)| {
            !own(key) && !value.is_object() && !value.is_array() && !value.is_null()
        })
    }
}

impl From<Document> for Chunk {
    fn from(document: Document) -> Self {
        Self {
            id: document.id,
            text: document.page_content,
            metadata: document.metadata,
        }
    }
}

impl From<Chunk> for Document {
    fn from(chunk: Chunk) -> Self {
        Self {
            id: chunk.id,
            page_content: chunk.text,
            metadata: chunk.metadata,
        }
    }
}
