//! Reading a filter from a request.

use serde_json::{Map, Value};
use thiserror::Error;

use super::attributes::{check_key, check_value, scalar};
use super::{AttributeValue, Filter, Operator};

const MAX_DEPTH: usize = 16;
const MAX_NODES: usize = 256;
const MAX_VALUES: usize = 1024;

/// A filter that cannot be used; the request has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path}: {message}")]
pub struct FilterError {
    /// Where the fault is, such as `filters.filters[1].value`.
    pub path: String,
    /// What is allowed there.
    pub message: String,
}

impl Filter {
    /// Reads the value of a request's `filters`.
    ///
    /// Allows 16 levels of nesting, 256 comparisons and compounds together, and 1024
    /// values in one `in` or `nin`.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use dayfly_core::filter::{AttributeValue, Filter};
    /// use serde_json::json;
    ///
    /// let filter = Filter::parse(&json!({"type": "eq", "key": "lang", "value": "fr"}))?;
    /// let french = AttributeValue::Text("fr".to_owned());
    /// assert!(filter.matches(&BTreeMap::from([("lang".to_owned(), french)])));
    /// assert!(!filter.matches(&BTreeMap::new()));
    ///
    /// let wrong = Filter::parse(&json!({"type": "like", "key": "lang", "value": "f%"}));
    /// assert_eq!(wrong.unwrap_err().path, "filters.type");
    /// # Ok::<(), dayfly_core::filter::FilterError>(())
    /// ```
    pub fn parse(value: &Value) -> Result<Self, FilterError> {
        let mut nodes = 0;
        node(value, &Place("filters".into()), 1, &mut nodes)
    }
}

/// A place in the request, for errors.
struct Place(String);

impl Place {
    fn field(&self, name: &str) -> Self {
        Self(format!("{}.{name}", self.0))
    }

    fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, FilterError> {
        Err(FilterError {
            path: self.0.clone(),
            message: message.into(),
        })
    }
}

fn node(
    value: &Value,
    place: &Place,
    depth: usize,
    nodes: &mut usize,
) -> Result<Filter, FilterError> {
    if depth > MAX_DEPTH {
        return place.fault(format!("filters may be nested {MAX_DEPTH} levels deep"));
    }
    *nodes += 1;
    if *nodes > MAX_NODES {
        return place.fault(format!(
            "a filter may have {MAX_NODES} comparisons and compounds; \"in\" takes many values at once"
        ));
    }
    let Some(object) = value.as_object() else {
        return place.fault("must be an object with a \"type\"");
    };
    let operator = match object.get("type").and_then(Value::as_str) {
        Some("and") => return Ok(Filter::And(children(object, place, depth, nodes)?)),
        Some("or") => return Ok(Filter::Or(children(object, place, depth, nodes)?)),
        Some("in") => return one_of(object, place, false),
        Some("nin") => return one_of(object, place, true),
        Some("eq") => Operator::Eq,
        Some("ne") => Operator::Ne,
        Some("gt") => Operator::Gt,
        Some("gte") => Operator::Gte,
        Some("lt") => Operator::Lt,
        Some("lte") => Operator::Lte,
        _ => {
            return place.field("type").fault(
                "must be one of \"eq\", \"ne\", \"gt\", \"gte\", \"lt\", \"lte\", \"in\", \"nin\", \"and\", \"or\"",
            );
        }
    };
    comparison(object, place, operator)
}

fn children(
    object: &Map<String, Value>,
    place: &Place,
    depth: usize,
    nodes: &mut usize,
) -> Result<Vec<Filter>, FilterError> {
    let place = place.field("filters");
    let filters = match object.get("filters").and_then(Value::as_array) {
        Some(filters) if !filters.is_empty() => filters,
        _ => return place.fault("must be an array of at least one filter"),
    };
    let parse = |(index, filter)| node(filter, &place.item(index), depth + 1, nodes);
    filters.iter().enumerate().map(parse).collect()
}

fn comparison(
    object: &Map<String, Value>,
    place: &Place,
    operator: Operator,
) -> Result<Filter, FilterError> {
    let key = key(object, place)?;
    let place = place.field("value");
    let value = one_value(object.get("value").unwrap_or(&Value::Null), &place)?;
    let is_equality = matches!(operator, Operator::Eq | Operator::Ne);
    if !is_equality && matches!(value, AttributeValue::Bool(_)) {
        return place.fault("must be a number or a string here: booleans have no order");
    }
    Ok(Filter::Compare {
        key,
        operator,
        value,
    })
}

fn one_of(
    object: &Map<String, Value>,
    place: &Place,
    negated: bool,
) -> Result<Filter, FilterError> {
    let key = key(object, place)?;
    let place = place.field("value");
    let values = match object.get("value").and_then(Value::as_array) {
        Some(values) if (1..=MAX_VALUES).contains(&values.len()) => values,
        _ => {
            return place.fault(format!(
                "must be an array of 1 to {MAX_VALUES} strings, numbers or booleans"
            ));
        }
    };
    let parse = |(index, value)| one_value(value, &place.item(index));
    Ok(Filter::In {
        key,
        values: values
            .iter()
            .enumerate()
            .map(parse)
            .collect::<Result<_, _>>()?,
        negated,
    })
}

fn key(object: &Map<String, Value>, place: &Place) -> Result<String, FilterError> {
    let place = place.field("key");
    let Some(key) = object.get("key").and_then(Value::as_str) else {
        return place.fault("must be a string: the name of an attribute");
    };
    match check_key(key) {
        Ok(()) => Ok(key.to_owned()),
        Err(message) => place.fault(message),
    }
}

fn one_value(value: &Value, place: &Place) -> Result<AttributeValue, FilterError> {
    let value = match scalar(value) {
        Ok(value) => value,
        Err(fault) => return place.fault(fault),
    };
    match check_value(&value) {
        Ok(()) => Ok(value),
        Err(message) => place.fault(message),
    }
}
