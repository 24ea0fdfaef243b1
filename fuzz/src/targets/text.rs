//! `POST /upload`: the text in a JSON body, held against a reading of all of it at once.

use std::collections::BTreeMap;
use std::io::{self, Read};

use dayfly_core::api::ApiError;
use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_intake::keep_text;
use serde_json::value::RawValue;

use super::MIB;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "text",
    run,
    most_bytes: 8 * MIB,
    seeds,
};

/// Bytes of the longest text.
const MOST: u64 = 300;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let piece = 1 + usize::from(input.u8());
    let body = input.rest();
    let outcome = kept(body, piece);
    assert_eq!(outcome, kept(body, body.len().max(1)));
    let Ok(text) = outcome else { return };
    // Numbers that are passed over may be of any size.
    let fields: BTreeMap<String, &RawValue> =
        serde_json::from_slice(body).expect("what was taken is a JSON object");
    let field = fields.get("text").map(|field| field.get());
    let expected: Option<String> =
        field.and_then(|field| serde_json::from_str(field).expect("a text or null"));
    // Only white space, or a mark and white space, is no text.
    let is_text = |text: &String| {
        let unmarked = text.strip_prefix('\u{feff}').unwrap_or(text);
        !unmarked.trim().is_empty()
    };
    assert_eq!(text, expected.filter(is_text));
}

/// The text of a body that comes in pieces.
fn kept(body: &[u8], piece: usize) -> Result<Option<String>, ApiError> {
    let objects = MemoryObjects::default();
    let writer = keep_text(Pieces { body, piece }, &objects, "k", MOST)?;
    let Some(writer) = writer else {
        return Ok(None);
    };
    assert!(writer.finish()? <= MOST);
    let text = String::from_utf8(objects.get("k")?).expect("JSON is UTF-8");
    Ok(Some(text))
}

struct Pieces<'a> {
    body: &'a [u8],
    piece: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.piece.min(into.len());
        let mut now = &self.body[..length.min(self.body.len())];
        let read = now.read(into)?;
        self.body = &self.body[read..];
        Ok(read)
    }
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, body: &str| Seed::new(name, format!("\x04{body}"));
    vec![
        of("plain", r#"{"text": "A text."}"#),
        of(
            "escaped",
            r#"{"te\u0078t": "\ud83d\ude00 \u0000 \n\"\\\/ é"}"#,
        ),
        of(
            "among-others",
            r#" {"a": [1.5e3, {"text": "no"}], "text": "yes", "b": null} "#,
        ),
        of("twice", r#"{"text": "one", "text": "two"}"#),
        of("blank", r#"{"text": " \u2003\n"}"#),
        of("null", r#"{"text": null}"#),
        of("number", r#"{"text": 5}"#),
        of("half-a-pair", r#"{"text": "\ud83d"}"#),
        of("long", &format!(r#"{{"text": "{}"}}"#, "é".repeat(200))),
    ]
}
