//! Metadata: what of Python's values is JSON too.

use serde_json::{Map, Number, Value as Json};

use crate::arena::{Arena, Kind, Value};
use crate::error::{PLAIN, quoted};

/// Which containers have been found to be JSON. Each is looked at once, however often it is shared.
pub(crate) struct Checked {
    plain: Vec<bool>,
}

impl Checked {
    pub fn new(arena: &Arena) -> Self {
        Self {
            plain: vec![false; arena.len()],
        }
    }

    /// What is wrong with a metadata dict, if something is.
    pub fn metadata(&mut self, arena: &Arena, metadata: Value) -> Result<(), String> {
        let Some(dict) = arena.container(metadata).filter(|n| n.kind == Kind::Dict) else {
            return Err("its metadata is not a dict".into());
        };
        if self.known(metadata) {
            return Ok(());
        }
        for (key, value) in pairs(&dict.items) {
            let key = text_key(key).map_err(|what| format!("its metadata: {what}"))?;
            self.value(arena, value)
                .map_err(|what| format!("its metadata {}: {what}", quoted(key)))?;
        }
        self.remember(metadata);
        Ok(())
    }

    fn value(&mut self, arena: &Arena, value: Value) -> Result<(), String> {
        if self.known(value) {
            return Ok(());
        }
        match value {
            Value::None | Value::Bool(_) | Value::Int(_) | Value::BigInt(_) | Value::Text(_) => {}
            Value::Float(number) if number.is_finite() => {}
            Value::Float(number) => {
                return Err(format!(
                    "JSON has no {number}: make it None and save the store again"
                ));
            }
            Value::Class(_) => return Err(refused("a class")),
            Value::Node(id) => {
                let Some(node) = arena.get(id) else {
                    return Err(refused("nothing"));
                };
                match node.kind {
                    Kind::List | Kind::Tuple => {
                        for item in &node.items {
                            self.value(arena, *item)?;
                        }
                    }
                    Kind::Dict => {
                        for (key, value) in pairs(&node.items) {
                            text_key(key)?;
                            self.value(arena, value)?;
                        }
                    }
                    Kind::Set => return Err(refused("a set")),
                    Kind::Object(_) => return Err(refused("an object of LangChain")),
                }
                self.remember(value);
            }
        }
        Ok(())
    }

    fn known(&self, value: Value) -> bool {
        matches!(value, Value::Node(id) if self.plain.get(id.index()) == Some(&true))
    }

    fn remember(&mut self, value: Value) {
        if let Value::Node(id) = value
            && let Some(plain) = self.plain.get_mut(id.index())
        {
            *plain = true;
        }
    }
}

fn refused(what: &str) -> String {
    format!("it holds {what}; {PLAIN}. Change it and save the store again")
}

fn text_key<'a>(key: Value<'a>) -> Result<&'a str, String> {
    match key {
        Value::Text(key) => Ok(key),
        _ => Err("a dict's key is not a string: make it one and save the store again".into()),
    }
}

/// The keys and values of a dict's items.
pub(crate) fn pairs<'n, 'a>(
    items: &'n [Value<'a>],
) -> impl Iterator<Item = (Value<'a>, Value<'a>)> + Clone + 'n {
    items
        .as_chunks()
        .0
        .iter()
        .map(|[key, value]| (*key, *value))
}

/// A checked metadata dict. A key that comes again has its last value, as in Python.
pub(crate) fn map(arena: &Arena, metadata: Value) -> Map<String, Json> {
    let items = arena.container(metadata).map(|node| node.items.as_slice());
    pairs(items.unwrap_or_default())
        .filter_map(|(key, value)| match key {
            Value::Text(key) => Some((key.to_owned(), json(arena, value))),
            _ => None,
        })
        .collect()
}

/// A checked value. The arena's limit of depth bounds the recursion.
fn json(arena: &Arena, value: Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(value),
        Value::Int(number) => Json::Number(number.into()),
        Value::BigInt(number) => Json::Number(number.into()),
        Value::Float(number) => Number::from_f64(number).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.to_owned()),
        Value::Node(_) => match arena.container(value) {
            Some(node) if node.kind == Kind::Dict => Json::Object(map(arena, value)),
            Some(node) => node.items.iter().map(|item| json(arena, *item)).collect(),
            None => Json::Null,
        },
        Value::None | Value::Class(_) => Json::Null,
    }
}
