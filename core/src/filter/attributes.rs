//! The attributes of a file, which a search may filter by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};
use thiserror::Error;

const MAX_KEYS: usize = 16;
const MAX_KEY_CHARACTERS: usize = 64;
const MAX_TEXT_CHARACTERS: usize = 512;

/// The largest whole number below which every whole number is an `f64`.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// A file's attributes by their keys.
pub type Attributes = BTreeMap<String, AttributeValue>;

/// The value of an attribute.
///
/// Numbers are `f64`: of whole ones beyond 2^53 those alone are taken that it has exactly. A whole
/// number is written to JSON without a decimal point.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// True or false.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// At most 512 characters.
    Text(String),
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::Number(value) if value.fract() == 0.0 && value.abs() < EXACT_INTEGERS => {
                serializer.serialize_i64(*value as i64)
            }
            Self::Number(value) => serializer.serialize_f64(*value),
        }
    }
}

/// Attributes that cannot be kept; the request has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct AttributeError {
    /// Where the fault is, from `attributes` down.
    pub path: String,
    /// What is allowed there.
    pub message: String,
}

impl AttributeError {
    fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

/// Reads a request's `attributes`: an object, or null for none. Checks their bounds.
pub fn parse_attributes(value: &Value) -> Result<Attributes, AttributeError> {
    if value.is_null() {
        return Ok(Attributes::new());
    }
    let Some(object) = value.as_object() else {
        return Err(AttributeError::new(
            "attributes",
            "must be an object of strings, numbers and booleans",
        ));
    };
    let mut attributes = Attributes::new();
    for (key, value) in object {
        let value = scalar(value).map_err(|fault| AttributeError::new(path_of(key), fault))?;
        attributes.insert(key.clone(), value);
    }
    validate_attributes(&attributes)?;
    Ok(attributes)
}

/// Fails where there are more than 16 attributes, a key is empty or longer than 64
/// characters, a text longer than 512 characters or a number not finite.
pub fn validate_attributes(attributes: &Attributes) -> Result<(), AttributeError> {
    if attributes.len() > MAX_KEYS {
        return Err(AttributeError::new(
            "attributes",
            format!(
                "must have at most {MAX_KEYS} keys, and has {}",
                attributes.len()
            ),
        ));
    }
    for (key, value) in attributes {
        check_key(key).map_err(|message| AttributeError::new(path_of(key), message))?;
        check_value(value).map_err(|message| AttributeError::new(path_of(key), message))?;
    }
    Ok(())
}

fn path_of(key: &str) -> String {
    let shown: String = key.chars().take(MAX_KEY_CHARACTERS).collect();
    format!("attributes[{shown:?}]")
}

pub(super) fn scalar(value: &Value) -> Result<AttributeValue, &'static str> {
    match value {
        Value::Bool(value) => Ok(AttributeValue::Bool(*value)),
        Value::String(value) => Ok(AttributeValue::Text(value.clone())),
        Value::Number(value) => number(value),
        _ => Err("must be a string, a number or a boolean"),
    }
}

fn number(value: &Number) -> Result<AttributeValue, &'static str> {
    const INEXACT: &str = "is a whole number that a 64-bit float cannot hold exactly, so that others would be equal to it: send it as a string";
    let number = value.as_f64().filter(|_| is_exact(value));
    number.map(AttributeValue::Number).ok_or(INEXACT)
}

/// Whether an attribute keeps all digits of a number: of whole ones those do not that a 64-bit float cannot
/// hold.
pub fn is_exact(number: &Number) -> bool {
    let whole = number.as_i64().map(i128::from);
    let whole = whole.or_else(|| number.as_u64().map(i128::from));
    whole.is_none_or(|whole| number.as_f64().is_some_and(|float| float as i128 == whole))
}

pub(super) fn check_key(key: &str) -> Result<(), String> {
    match key.chars().count() {
        1..=MAX_KEY_CHARACTERS => Ok(()),
        length => Err(format!(
            "a key must have 1 to {MAX_KEY_CHARACTERS} characters, and this one has {length}"
        )),
    }
}

pub(super) fn check_value(value: &AttributeValue) -> Result<(), String> {
    match value {
        AttributeValue::Text(text) if text.chars().count() > MAX_TEXT_CHARACTERS => Err(format!(
            "a string must have at most {MAX_TEXT_CHARACTERS} characters, and this one has {}",
            text.chars().count()
        )),
        AttributeValue::Number(number) if !number.is_finite() => {
            Err("a number must be finite".into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_whole_number_that_would_equal_another_is_refused() {
        for exact in [
            json!(9_007_199_254_740_992_u64),
            json!(i64::MIN),
            json!(1e300),
        ] {
            assert!(parse_attributes(&json!({"id": exact})).is_ok(), "{exact}");
        }
        for inexact in [
            json!(9_007_199_254_740_993_u64),
            json!(i64::MAX),
            json!(u64::MAX),
        ] {
            let error = parse_attributes(&json!({"id": inexact})).unwrap_err();
            assert!(error.message.contains("send it as a string"), "{inexact}");
        }
    }

    #[test]
    fn attributes_survive_json() {
        let value = json!({"author": "É", "draft": false, "year": 2020, "score": 0.5});
        let attributes = parse_attributes(&value).unwrap();
        assert_eq!(serde_json::to_value(&attributes).unwrap(), value);
        let again: Attributes = serde_json::from_value(value).unwrap();
        assert_eq!(again, attributes);
        assert!(parse_attributes(&json!(null)).unwrap().is_empty());
    }

    #[test]
    fn the_bounds_are_those_of_openai() {
        let many = |count: usize| -> Value {
            (0..count)
                .map(|i| (i.to_string(), json!(true)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        assert!(parse_attributes(&many(16)).is_ok());
        assert_eq!(parse_attributes(&many(17)).unwrap_err().path, "attributes");
        let key = |length: usize| json!({"é".repeat(length): 1});
        assert!(parse_attributes(&key(64)).is_ok());
        assert!(parse_attributes(&key(65)).is_err());
        assert!(parse_attributes(&key(0)).is_err());
        let text = |length: usize| json!({"k": "é".repeat(length)});
        assert!(parse_attributes(&text(512)).is_ok());
        let error = parse_attributes(&text(513)).unwrap_err();
        assert_eq!(error.path, "attributes[\"k\"]");
        assert!(error.message.contains("513"), "{error}");
    }

    #[test]
    fn other_types_are_refused_with_their_place() {
        for value in [json!({"k": null}), json!({"k": []}), json!({"k": {}})] {
            assert_eq!(
                parse_attributes(&value).unwrap_err().path,
                "attributes[\"k\"]"
            );
        }
        assert_eq!(parse_attributes(&json!([])).unwrap_err().path, "attributes");
    }
}
