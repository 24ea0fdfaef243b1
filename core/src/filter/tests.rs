use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn filter(value: Value) -> Filter {
    Filter::parse(&value).unwrap()
}

fn compare(operator: &str, key: &str, value: Value) -> Value {
    json!({"type": operator, "key": key, "value": value})
}

fn fault(value: Value) -> String {
    match Filter::parse(&value) {
        Ok(filter) => format!("accepted: {filter:?}"),
        Err(error) => error.path,
    }
}

fn file() -> Attributes {
    parse_attributes(&json!({"year": 2020, "author": "Lem", "draft": false})).unwrap()
}

#[test]
fn comparisons_follow_numbers_and_strings() {
    let matches = |operator, key, value| filter(compare(operator, key, value)).matches(&file());
    for (value, expected) in [
        (2019, ["ne", "gt", "gte"]),
        (2020, ["eq", "gte", "lte"]),
        (2021, ["ne", "lt", "lte"]),
    ] {
        for operator in ["eq", "ne", "gt", "gte", "lt", "lte"] {
            let is_expected = expected.contains(&operator);
            assert_eq!(matches(operator, "year", json!(value)), is_expected);
            assert_eq!(matches(operator, "year", json!(value as f64)), is_expected);
        }
    }
    assert!(matches("gt", "author", json!("Lee")));
    assert!(matches("lt", "author", json!("lem")));
    assert!(matches("eq", "draft", json!(false)));
    assert!(matches("ne", "draft", json!(true)));
    assert!(matches("in", "author", json!(["Dick", "Lem"])));
    assert!(!matches("nin", "author", json!(["Dick", "Lem"])));
    assert!(matches("nin", "year", json!([1961])));
}

#[test]
fn a_missing_key_and_another_type_match_negations_only() {
    for (key, value) in [
        ("missing", json!(2020)),
        ("year", json!("2020")),
        ("author", json!(0)),
        ("author", json!("2020")),
    ] {
        for operator in ["eq", "ne"] {
            let matched = filter(compare(operator, key, value.clone())).matches(&file());
            assert_eq!(matched, operator == "ne");
        }
        for operator in ["in", "nin"] {
            let matched = filter(compare(operator, key, json!([value]))).matches(&file());
            assert_eq!(matched, operator == "nin");
        }
    }
    for operator in ["gt", "gte", "lt", "lte"] {
        assert!(!filter(compare(operator, "missing", json!(1))).matches(&file()));
        assert!(!filter(compare(operator, "year", json!("1"))).matches(&file()));
    }
}

#[test]
fn compounds_nest() {
    let year = |operator, value| compare(operator, "year", json!(value));
    let nested = json!({"type": "and", "filters": [
        {"type": "or", "filters": [year("eq", 1961), year("eq", 2020)]},
        compare("eq", "author", json!("Lem")),
    ]});
    assert!(filter(nested).matches(&file()));
    let none = json!({"type": "or", "filters": [year("lt", 2020), year("gt", 2020)]});
    assert!(!filter(none).matches(&file()));
}

#[test]
fn a_fault_is_named_by_its_place() {
    let good = compare("eq", "a", json!(1));
    let within = |bad: Value| json!({"type": "and", "filters": [good, bad]});
    assert_eq!(fault(json!("eq")), "filters");
    assert_eq!(fault(json!({"key": "a"})), "filters.type");
    assert_eq!(fault(within(json!(1))), "filters.filters[1]");
    assert_eq!(
        fault(within(json!({"type": "or"}))),
        "filters.filters[1].filters"
    );
    assert_eq!(
        fault(within(json!({"type": "or", "filters": []}))),
        "filters.filters[1].filters"
    );
    assert_eq!(
        fault(within(compare("like", "a", json!(1)))),
        "filters.filters[1].type"
    );
    assert_eq!(
        fault(within(json!({"type": "eq", "value": 1}))),
        "filters.filters[1].key"
    );
    assert_eq!(
        fault(within(json!({"type": "eq", "key": "a"}))),
        "filters.filters[1].value"
    );
    assert_eq!(fault(compare("gt", "a", json!(true))), "filters.value");
    assert_eq!(fault(compare("in", "a", json!("x"))), "filters.value");
    assert_eq!(fault(compare("in", "a", json!([]))), "filters.value");
    assert_eq!(
        fault(compare("nin", "a", json!(["x", null]))),
        "filters.value[1]"
    );
    assert_eq!(fault(compare("eq", "", json!(1))), "filters.key");
    assert_eq!(
        fault(compare("eq", "a", json!("x".repeat(513)))),
        "filters.value"
    );
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |depth: usize| {
        (1..depth).fold(
            compare("eq", "a", json!(1)),
            |inner, _| json!({"type": "and", "filters": [inner]}),
        )
    };
    assert!(Filter::parse(&nested(16)).is_ok());
    assert!(Filter::parse(&nested(17)).is_err());
    let wide = |nodes: usize| {
        let filters = vec![compare("eq", "a", json!(1)); nodes - 1];
        json!({"type": "or", "filters": filters})
    };
    assert!(Filter::parse(&wide(256)).is_ok());
    assert_eq!(fault(wide(257)), "filters.filters[255]");
    let values = |count: usize| compare("in", "a", json!(vec![0; count]));
    assert!(Filter::parse(&values(1024)).is_ok());
    assert_eq!(fault(values(1025)), "filters.value");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(&["and", "or", "eq", "in", "gt", "a", ""][..]).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let field = prop::sample::select(&["type", "key", "value", "filters"][..]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((field, inner), 0..5).prop_map(|fields| Value::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_either_a_filter_or_a_fault_within_it(value in any_json()) {
        match Filter::parse(&value) {
            Ok(_) => prop_assert!(value["type"].is_string()),
            Err(error) => prop_assert!(error.path.starts_with("filters")),
        }
    }

    #[test]
    fn negations_are_complements(own in any::<i8>(), value in any::<i8>()) {
        let file = parse_attributes(&json!({"a": own})).unwrap();
        for (one, other) in [("eq", "ne"), ("lt", "gte"), ("gt", "lte")] {
            let matched = |operator| filter(compare(operator, "a", json!(value))).matches(&file);
            prop_assert_ne!(matched(one), matched(other));
        }
    }
}
