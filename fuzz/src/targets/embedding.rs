//! Answers of embedders.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dayfly_core::embedding::{Expected, MAX_DIMENSION, parse_response};
use serde_json::{Value, json};

use super::MIB;
use super::json::field;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "embedding",
    run,
    most_bytes: 8 * MIB,
    seeds,
};

const LONGEST_MESSAGE: usize = 1_000;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (status, count, dimension) = (input.u8(), input.u8() as usize, input.u8());
    let body = input.rest();
    let expected = Expected {
        provider: "e:1",
        count,
        dimension: (dimension > 0).then_some(dimension.into()),
    };
    let status = match status {
        0 => 200,
        other => 100 + u16::from(other) * 2,
    };
    let wait = Some(Duration::from_secs(1));
    let embeddings = match parse_response(status, wait, body, &expected) {
        Ok(embeddings) => embeddings,
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains("e:1") && text.chars().count() < LONGEST_MESSAGE,
                "{text}"
            );
            return;
        }
    };
    assert_eq!(status, 200);
    assert_eq!(embeddings.rows().len(), count);
    let width = embeddings.dimension;
    assert!(width <= MAX_DIMENSION && (width > 0 || count == 0));
    assert!(expected.dimension.is_none_or(|wanted| wanted == width));
    for row in embeddings.rows() {
        assert_eq!(row.len(), width as usize);
        assert!(row.iter().all(|number| number.is_finite()));
        assert!(row.iter().any(|number| *number != 0.0));
    }
    assert_eq!(embeddings.values, values(body));
}

/// The numbers of an acceptable body, read without knowing its shape.
fn values(body: &[u8]) -> Vec<f32> {
    // What is passed over need not be UTF-8.
    let body: Value = serde_json::from_str(&String::from_utf8_lossy(body)).unwrap();
    let mut items: Vec<(Option<u64>, &Value)> = field(&body, "data", 0)
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (
                field(item, "index", 0).as_u64(),
                field(item, "embedding", 1),
            )
        })
        .collect();
    // Those without an index take the places that are left, in their order.
    let named: Vec<u64> = items.iter().filter_map(|(index, _)| *index).collect();
    let mut free = (0..).filter(|place| !named.contains(place));
    for (index, _) in items.iter_mut().filter(|(index, _)| index.is_none()) {
        *index = free.next();
    }
    items.sort_by_key(|(index, _)| *index);
    let number = |value: &Value| value.as_f64().unwrap() as f32;
    items
        .iter()
        .flat_map(|(_, vector)| match vector {
            Value::String(text) => {
                let bytes = STANDARD.decode(text).unwrap();
                let (numbers, _) = bytes.as_chunks::<4>();
                numbers
                    .iter()
                    .map(|four| f32::from_le_bytes(*four))
                    .collect()
            }
            vector => vector
                .as_array()
                .unwrap()
                .iter()
                .map(number)
                .collect::<Vec<_>>(),
        })
        .collect()
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, head: [u8; 3], body: Value| {
        Seed::new(name, [&head[..], body.to_string().as_bytes()].concat())
    };
    let encoded = STANDARD.encode([1.5_f32, -1e-30].map(f32::to_le_bytes).concat());
    let answer = |first: Value, second: Value| {
        json!({"object": "list", "model": "m", "data": [
            {"object": "embedding", "index": 1, "embedding": first},
            {"object": "embedding", "index": 0, "embedding": second},
        ], "usage": {"prompt_tokens": 3, "total_tokens": 3}})
    };
    let error =
        json!({"error": {"message": "No such model", "type": "x", "code": "model_not_found"}});
    vec![
        of("both", [0, 2, 2], answer(json!([0.25, -2]), json!(encoded))),
        of(
            "any-dimension",
            [0, 1, 0],
            json!({"data": [{"embedding": [1, 2, 3]}]}),
        ),
        of(
            "some-without-index",
            [0, 2, 0],
            json!({"data": [{"embedding": [2]}, {"index": 0, "embedding": [1]}]}),
        ),
        of("none", [0, 0, 0], json!({"data": []})),
        of("refused", [150, 1, 0], error),
        of("text-error", [164, 1, 0], json!({"error": "over capacity"})),
    ]
}
