use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::embedding::Advice;

fn parse(body: &str, count: usize, dimension: Option<u32>) -> Result<Embeddings, EmbeddingError> {
    let expected = Expected {
        provider: "e:1",
        count,
        dimension,
    };
    parse_response(200, None, body.as_bytes(), &expected)
}

fn base64_of(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    STANDARD.encode(bytes).into()
}

fn body(items: &[(usize, Value)]) -> String {
    let data: Vec<Value> = items
        .iter()
        .map(|(index, vector)| json!({"object": "embedding", "index": index, "embedding": vector}))
        .collect();
    json!({"object": "list", "data": data, "model": "m", "usage": {"total_tokens": 1}}).to_string()
}

fn refusal(body: &str, count: usize, dimension: Option<u32>) -> String {
    let error = parse(body, count, dimension).unwrap_err();
    assert_eq!(error.advice, Advice::GiveUp, "{error}");
    assert!(
        error.to_string().starts_with("The embedder e:1 "),
        "{error}"
    );
    error.message
}

#[test]
fn base64_and_arrays_are_read_and_put_in_order() {
    let body = body(&[(1, json!([0.25, -2])), (0, base64_of(&[1.5, 1e-30]))]);
    let embeddings = parse(&body, 2, Some(2)).unwrap();
    assert_eq!(embeddings.dimension, 2);
    assert_eq!(embeddings.values, [1.5, 1e-30, 0.25, -2.0]);
    assert_eq!(embeddings.rows().len(), 2);
}

#[test]
fn items_without_an_index_keep_their_order() {
    let body = r#"{"data":[{"embedding":[1]},{"embedding":[2]}]}"#;
    assert_eq!(parse(body, 2, None).unwrap().values, [1.0, 2.0]);
}

#[test]
fn an_escaped_slash_in_base64_is_read() {
    let vector = [f32::from_le_bytes([255, 255, 255, 62])];
    let body = body(&[(0, base64_of(&vector))]);
    let escaped = body.replace('/', "\\/");
    assert_ne!(body, escaped);
    assert_eq!(parse(&escaped, 1, None).unwrap().values, vector);
}

#[test]
fn wrong_counts_and_indices_are_refused() {
    let one = json!([1.0]);
    let two = |first, second| body(&[(first, one.clone()), (second, one.clone())]);
    assert!(refusal(&two(0, 1), 3, None).contains("2 vectors for 3 inputs"));
    assert!(refusal(&two(0, 1), 1, None).contains("2 vectors for 1 inputs"));
    assert!(refusal(&two(0, 0), 2, None).contains("input 1"));
    assert!(refusal(&two(1, 2), 2, None).contains("input 0"));
    let half = r#"{"data":[{"index":2,"embedding":[1]},{"embedding":[2]}]}"#;
    assert!(refusal(half, 2, None).contains("for input"));
}

#[test]
fn wrong_and_mixed_dimensions_are_refused() {
    let mixed = body(&[(0, json!([1, 2])), (1, base64_of(&[1.0]))]);
    assert!(refusal(&mixed, 2, None).contains("1 numbers for input 1, and 2"));
    assert!(refusal(&mixed, 2, Some(3)).contains("2 numbers for input 0, and 3"));
    assert!(refusal(&body(&[(0, json!([]))]), 1, None).contains("0 numbers"));
    let long = base64_of(&vec![1.0; MAX_DIMENSION as usize + 1]);
    assert!(refusal(&body(&[(0, long)]), 1, None).contains("can be stored"));
}

#[test]
fn numbers_without_a_direction_are_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let body = body(&[(0, base64_of(&[1.0])), (1, base64_of(&[bad]))]);
        assert!(refusal(&body, 2, None).contains("not finite in vector 1"));
    }
    assert!(refusal(&body(&[(0, json!([1e300]))]), 1, None).contains("vector 0"));
    assert!(refusal(&body(&[(0, json!([0, -0.0]))]), 1, None).contains("zeros only"));
}

#[test]
fn unreadable_vectors_are_refused() {
    for vector in [
        json!("AAA"),
        json!("!!!!"),
        json!("AAAA"),
        json!(null),
        json!({}),
        json!(["1"]),
    ] {
        refusal(&body(&[(0, vector)]), 1, None);
    }
    refusal(r#"{"data":[{"index":0,"embedding":[NaN]}]}"#, 1, None);
    assert!(refusal("<html>", 1, None).contains("/v1/embeddings"));
    refusal(r#"{"data":[{"index":0}]}"#, 1, None);
    refusal(r#"{"embedding":[1]}"#, 1, None);
    refusal(r#"{"data":[{"index":-1,"embedding":[1]}]}"#, 1, None);
}

#[test]
fn an_answer_cut_short_is_worth_a_retry() {
    let body = body(&[(0, json!([1.0]))]);
    let error = parse(&body[..body.len() - 3], 1, None).unwrap_err();
    assert!(error.is_retryable(), "{error}");
}

#[test]
fn an_oversized_answer_is_refused_unread() {
    let padding = " ".repeat(100_000);
    assert!(refusal(&padding, 1, Some(2)).contains("100000 bytes"));
    let expected = |count, dimension| Expected {
        provider: "e:1",
        count,
        dimension,
    };
    assert!(expected(1, Some(2)).max_body_bytes() < 20_000);
    assert_eq!(expected(usize::MAX, None).max_body_bytes(), MAX_BODY_BYTES);
}

#[test]
fn another_status_is_an_error_with_the_embedders_reason() {
    let expected = Expected {
        provider: "e:1",
        count: 1,
        dimension: None,
    };
    let after = Some(Duration::from_secs(7));
    let error = parse_response(503, after, b"{\"error\":\"loading\"}", &expected).unwrap_err();
    assert_eq!(error.advice, Advice::Retry { after });
    assert!(error.to_string().contains("loading"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn vectors_survive_both_forms_in_any_order(
        vectors in (1usize..6).prop_flat_map(|dimension| prop::collection::vec(
            prop::collection::vec(prop::num::f32::NORMAL, dimension), 1..8)),
        as_array in any::<u8>(),
        rotation in 0usize..8,
    ) {
        let mut items: Vec<(usize, Value)> = vectors.iter().enumerate().map(|(index, vector)| {
            let json = match as_array >> index & 1 {
                0 => base64_of(vector),
                _ => json!(vector),
            };
            (index, json)
        }).collect();
        let count = items.len();
        items.rotate_left(rotation % count);
        let embeddings = parse(&body(&items), count, None).unwrap();
        prop_assert_eq!(embeddings.values, vectors.concat());
    }

    #[test]
    fn no_garbage_is_taken_for_vectors(body in "[\\[\\]{}\",:a-z0-9]{0,60}") {
        let response = format!("{{\"data\":{body}}}");
        prop_assert!(parse(&response, 1, None).is_err());
    }
}

#[test]
fn items_of_which_some_have_no_index_take_the_places_that_are_left() {
    let item = |index: Option<usize>, number: u32| match index {
        Some(index) => json!({"index": index, "embedding": [number]}),
        None => json!({"embedding": [number]}),
    };
    let parsed = |items: Value| {
        let body = json!({"data": items}).to_string();
        parse(&body, 3, None).map(|found| found.values)
    };
    // As Gemini does, which leaves out what is zero.
    let items = json!([item(None, 1), item(Some(1), 2), item(Some(2), 3)]);
    assert_eq!(parsed(items).unwrap(), [1.0, 2.0, 3.0]);
    let items = json!([item(Some(2), 3), item(None, 1), item(None, 2)]);
    assert_eq!(parsed(items).unwrap(), [1.0, 2.0, 3.0]);
    assert!(parsed(json!([item(Some(1), 1), item(Some(1), 2), item(None, 3)])).is_err());
    assert!(parsed(json!([item(Some(7), 1), item(None, 2), item(None, 3)])).is_err());
}
