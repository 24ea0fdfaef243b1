//! Filters of a search and the attributes that they look at, held against a reading of the JSON
//! that does without them.

use std::collections::BTreeSet;

use dayfly_core::filter::{Attributes, Filter, parse_attributes};
use serde_json::{Value, json};

use super::MIB;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "filter",
    run,
    most_bytes: 8 * MIB,
    seeds,
};

/// More than any path and advice have.
const LONGEST_ERROR: usize = 2_000;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (filter, attributes) = (input.until(0), input.rest());
    let attributes = parsed(attributes).map(|value| checked(&value));
    let Some(json) = parsed(filter) else { return };
    let filter = match Filter::parse(&json) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.path.starts_with("filters"));
            assert!(error.to_string().len() < LONGEST_ERROR, "{error}");
            return;
        }
    };
    let mut keys = BTreeSet::new();
    collect_keys(&json, &mut keys);
    assert_eq!(filter.names(), keys);
    for attributes in [attributes.unwrap_or_default(), Attributes::new()] {
        let own = serde_json::to_value(&attributes).unwrap();
        assert_eq!(
            filter.matches(&attributes),
            matches(&json, &own),
            "{json} {own}"
        );
    }
}

fn parsed(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// Attributes, which are written as they are read; none, where they are refused.
fn checked(value: &Value) -> Attributes {
    match parse_attributes(value) {
        Ok(attributes) => {
            let written = serde_json::to_value(&attributes).unwrap();
            assert_eq!(parse_attributes(&written).as_ref(), Ok(&attributes));
            attributes
        }
        Err(error) => {
            assert!(error.path.starts_with("attributes"));
            assert!(error.to_string().len() < LONGEST_ERROR, "{error}");
            Attributes::new()
        }
    }
}

fn collect_keys<'a>(filter: &'a Value, keys: &mut BTreeSet<&'a str>) {
    match filter["type"].as_str() {
        Some("and" | "or") => {
            for one in filter["filters"].as_array().unwrap() {
                collect_keys(one, keys);
            }
        }
        _ => drop(keys.insert(filter["key"].as_str().unwrap())),
    }
}

/// What OpenAI's documentation says of a filter that is a good one.
fn matches(filter: &Value, attributes: &Value) -> bool {
    let all = || filter["filters"].as_array().unwrap().iter();
    let own = filter["key"].as_str().and_then(|key| attributes.get(key));
    let value = &filter["value"];
    let is_one_of = || {
        value
            .as_array()
            .unwrap()
            .iter()
            .any(|one| is_equal(own, one))
    };
    match filter["type"].as_str().unwrap() {
        "and" => all().all(|one| matches(one, attributes)),
        "or" => all().any(|one| matches(one, attributes)),
        "in" => is_one_of(),
        "nin" => !is_one_of(),
        "eq" => is_equal(own, value),
        "ne" => !is_equal(own, value),
        "gt" => is_less(Some(value), own),
        "lt" => is_less(own, Some(value)),
        "gte" => is_less(Some(value), own) || is_equal(own, value),
        "lte" => is_less(own, Some(value)) || is_equal(own, value),
        other => panic!("{other}"),
    }
}

fn is_equal(own: Option<&Value>, value: &Value) -> bool {
    match (own, value) {
        (Some(Value::Number(own)), Value::Number(value)) => own.as_f64() == value.as_f64(),
        (own, value) => own == Some(value),
    }
}

fn is_less(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) => one.as_f64() < other.as_f64(),
        (Some(Value::String(one)), Some(Value::String(other))) => one.chars().lt(other.chars()),
        _ => false,
    }
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, filter: Value, attributes: Value| {
        Seed::new(name, format!("{filter}\0{attributes}"))
    };
    let compare = |kind: &str, value: Value| json!({"type": kind, "key": "k", "value": value});
    let kinds = ["eq", "ne", "gt", "gte", "lt", "lte"];
    let numbers: Vec<Value> = kinds.map(|kind| compare(kind, json!(2.5))).into();
    let mut nested = compare("eq", json!("é"));
    for depth in 0..15 {
        let kind = ["and", "or"][depth % 2];
        nested = json!({"type": kind, "filters": [nested]});
    }
    vec![
        of(
            "text",
            compare("gt", json!("a")),
            json!({"k": "aé", "n": null}),
        ),
        of(
            "numbers",
            json!({"type": "or", "filters": numbers}),
            json!({"k": 3}),
        ),
        of(
            "one-of",
            compare("in", json!([1, "1", true])),
            json!({"k": true}),
        ),
        of(
            "none-of",
            compare("nin", json!([0.0, -1e300])),
            json!({"k": -0.0}),
        ),
        of(
            "boolean",
            compare("ne", json!(false)),
            json!({"k": "false"}),
        ),
        of("nested", nested, json!({"k": "é"})),
        of("wrong", json!({"type": "and", "filters": []}), json!([1])),
    ]
}
