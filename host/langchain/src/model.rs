//! A document, and the state in which pydantic pickles one.

use serde_json::{Map, Value as Json};

use crate::arena::{Arena, Kind, Node, Value};
use crate::classes::Class;
use crate::error::quoted;
use crate::metadata::{self, Checked, pairs};

/// The most memory that one document may take, about. What a pickle shares is counted as often as
/// it is held.
pub const MAX_DOCUMENT_BYTES: u64 = 64 << 20;

/// More than pydantic's states and LangChain's documents have fields. A state is looked at once
/// for each object that has it, and a pickle can give one long state to many.
const MAX_FIELDS: usize = 16;

/// A LangChain `Document`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// Its own id, which LangChain has had since its version 0.2.11 and sets in some places only.
    /// Mostly it is that under which the store has the document.
    pub id: Option<String>,
    /// Its text.
    pub page_content: String,
    /// Its metadata.
    pub metadata: Map<String, Json>,
}

/// A document as it lies in the pickle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pickled<'a> {
    id: Option<&'a str>,
    page_content: &'a str,
    metadata: Option<Value<'a>>,
}

impl<'a> Pickled<'a> {
    /// The document that a value is, or what is wrong with it.
    pub fn parse(
        arena: &Arena<'a>,
        checked: &mut Checked,
        value: Value<'a>,
    ) -> Result<Self, String> {
        let state = state(arena, value, Class::Document).ok_or("it is not a Document")?;
        let document = Self::fields(arena, attributes(arena, state)?)?;
        let mut bytes = document.page_content.len() as u64;
        if let Some(metadata) = document.metadata {
            checked.metadata(arena, metadata)?;
            bytes = bytes.saturating_add(arena.bytes(metadata));
        }
        if bytes > MAX_DOCUMENT_BYTES {
            return Err(format!(
                "its text and metadata take more than {} MB: split it",
                MAX_DOCUMENT_BYTES >> 20
            ));
        }
        Ok(document)
    }

    fn fields(arena: &Arena<'a>, attributes: &Node<'a>) -> Result<Self, String> {
        let (mut id, mut page_content, mut metadata) = (None, None, None);
        for (key, value) in fields(attributes)? {
            match (key, value) {
                ("page_content", Value::Text(text)) => page_content = Some(text),
                ("metadata", Value::Node(_)) => metadata = Some(value),
                ("id", Value::Text(text)) => id = Some(text),
                ("id", Value::None) => id = None,
                ("type", Value::Text("Document")) => {}
                // Of LangChain before 0.0.120; for its searches within one document.
                ("lookup_str" | "lookup_index", _) if arena.container(value).is_none() => {}
                ("page_content" | "metadata" | "id" | "type", _) => {
                    return Err(format!("its field {key} has a value of another type"));
                }
                _ => return Err(format!("its field {} is unknown", quoted(key))),
            }
        }
        Ok(Self {
            id,
            page_content: page_content.ok_or("it has no page_content")?,
            metadata,
        })
    }

    /// The document on its own.
    pub fn document(&self, arena: &Arena<'a>) -> Document {
        Document {
            id: self.id.map(str::to_owned),
            page_content: self.page_content.to_owned(),
            metadata: self
                .metadata
                .map(|metadata| metadata::map(arena, metadata))
                .unwrap_or_default(),
        }
    }
}

/// The state of an object of that class.
pub(crate) fn state<'n, 'a>(
    arena: &'n Arena<'a>,
    object: Value<'a>,
    class: Class,
) -> Option<&'n Node<'a>> {
    let object = arena.container(object)?;
    match object.items.as_slice() {
        [state] if object.kind == Kind::Object(class) => arena.container(*state),
        _ => None,
    }
}

/// The attributes in the state of a pydantic model: of version 2, or of version 1, whose private
/// attributes in LangChain repeat the others.
fn attributes<'n, 'a>(arena: &'n Arena<'a>, state: &'n Node<'a>) -> Result<&'n Node<'a>, String> {
    let mut attributes = None;
    for (key, value) in fields(state)? {
        let node = arena.container(value);
        let kind = node.map(|node| node.kind);
        match (key, kind) {
            ("__dict__", Some(Kind::Dict)) => attributes = node,
            ("__pydantic_fields_set__" | "__fields_set__", Some(Kind::Set))
            | ("__private_attribute_values__", Some(Kind::Dict)) => {}
            ("__pydantic_extra__" | "__pydantic_private__", Some(Kind::Dict))
                if node.is_some_and(|node| node.items.is_empty()) => {}
            ("__pydantic_extra__" | "__pydantic_private__", None) if value == Value::None => {}
            _ => {
                return Err(format!(
                    "it has a state {} that LangChain's Document has not",
                    quoted(key)
                ));
            }
        }
    }
    attributes.ok_or_else(|| "it has no fields".into())
}

/// The fields of a state, which is a short dict with texts as its keys.
pub(crate) fn fields<'n, 'a>(
    state: &'n Node<'a>,
) -> Result<impl Iterator<Item = (&'a str, Value<'a>)> + 'n, String> {
    let pairs = pairs(&state.items);
    if state.kind != Kind::Dict
        || state.items.len() > 2 * MAX_FIELDS
        || pairs.clone().any(|(key, _)| !matches!(key, Value::Text(_)))
    {
        return Err("its state is not that of an object of LangChain".into());
    }
    Ok(pairs.filter_map(|(key, value)| match key {
        Value::Text(key) => Some((key, value)),
        _ => None,
    }))
}
