//! What an embedder answers.

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::EmbeddingError;

/// The most numbers that a vector may have, here and in a segment.
pub const MAX_DIMENSION: u32 = 8_192;

/// Bytes that one number takes at most in a response: 17 digits, sign, exponent and
/// point, and the indentation of a server that prints one number a line.
const BYTES_PER_NUMBER: usize = 48;
/// Bytes for everything else in a response, and for one input of it.
const BYTES_OF_ENVELOPE: usize = 16 * 1024;
const BYTES_PER_INPUT: usize = 1024;
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// What a response has to hold to be accepted.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The embedder's authority, for errors.
    pub provider: &'a str,
    /// How many inputs were sent.
    pub count: usize,
    /// How long each vector must be; `None` where the store has none yet and any length
    /// will do, if it is the same for all.
    pub dimension: Option<u32>,
}

impl Expected<'_> {
    /// The most bytes that an acceptable body can have, so that reading may stop there.
    pub fn max_body_bytes(&self) -> usize {
        let dimension = self.dimension.unwrap_or(MAX_DIMENSION) as usize;
        let vector = dimension.saturating_mul(BYTES_PER_NUMBER) + BYTES_PER_INPUT;
        let vectors = vector.saturating_mul(self.count);
        vectors
            .saturating_add(BYTES_OF_ENVELOPE)
            .min(MAX_BODY_BYTES)
    }
}

/// Vectors in the order of the inputs, all finite and none all zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Numbers in a vector; at least 1, except where no inputs were sent.
    pub dimension: u32,
    /// The vectors one after the other: count times dimension numbers.
    pub values: Vec<f32>,
}

impl Embeddings {
    /// The vectors one by one.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimension.max(1) as usize)
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    data: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    index: Option<usize>,
    #[serde(borrow)]
    embedding: &'a RawValue,
}

/// Reads a response: the vectors as base64 (little-endian `f32`) or as arrays of numbers,
/// put in the order of their `index` (their own order where they have none).
///
/// Fails, with advice, on every status but 200 and on every body that does not hold
/// exactly the expected vectors; of one that holds an error instead with what that says. `retry_after` is what the header of that name means.
/// Needs memory for the vectors and one more of them beside `body`.
pub fn parse_response(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
    expected: &Expected,
) -> Result<Embeddings, EmbeddingError> {
    if status != 200 {
        return Err(EmbeddingError::of_status(
            expected.provider,
            status,
            retry_after,
            body,
            expected.count,
        ));
    }
    let fault = |message: String| EmbeddingError::protocol(expected.provider, message);
    if body.len() > expected.max_body_bytes() {
        return Err(fault(format!(
            "answered with {} bytes for {} inputs, which is more than their vectors can be.",
            body.len(),
            expected.count
        )));
    }
    let vectors = vectors(body, expected);
    vectors.map_err(|error| {
        let disguised = EmbeddingError::disguised(expected.provider, body, expected.count);
        disguised.unwrap_or(error)
    })
}

fn vectors(body: &[u8], expected: &Expected) -> Result<Embeddings, EmbeddingError> {
    let fault = |message: String| EmbeddingError::protocol(expected.provider, message);
    let parsed: Body = serde_json::from_slice(body).map_err(|error| match error.is_eof() {
        true => EmbeddingError::unreachable(expected.provider, "the answer ended early"),
        false => fault(format!(
            "did not answer with embeddings ({error}); check that embed.url is that of an OpenAI-compatible \
             /v1/embeddings."
        )),
    })?;
    let items = in_order(parsed.data, expected.count).map_err(fault)?;
    collect(&items, expected.dimension).map_err(fault)
}

/// The items by their index; every index from 0 to `count` exactly once. Those without one take, in their
/// order, the places that no other has: Gemini leaves out that of the first, which is nothing to it.
fn in_order(mut items: Vec<Item>, count: usize) -> Result<Vec<Item>, String> {
    if items.len() != count {
        return Err(format!(
            "answered with {} vectors for {count} inputs.",
            items.len()
        ));
    }
    let named: HashSet<usize> = items.iter().filter_map(|item| item.index).collect();
    let mut free = (0..count).filter(|place| !named.contains(place));
    for item in items.iter_mut().filter(|item| item.index.is_none()) {
        item.index = free.next();
    }
    items.sort_by_key(|item| item.index);
    for (place, item) in items.iter().enumerate() {
        if item.index != Some(place) {
            return Err(format!(
                "answered with no vector, or more than one, for input {place}."
            ));
        }
    }
    Ok(items)
}

fn collect(items: &[Item], dimension: Option<u32>) -> Result<Embeddings, String> {
    let mut values = Vec::new();
    let mut length = dimension.map(|dimension| dimension as usize);
    for (place, item) in items.iter().enumerate() {
        let start = values.len();
        append_vector(item.embedding.get(), &mut values)
            .map_err(|reason| format!("answered with an unreadable vector {place}: {reason}."))?;
        let found = values.len() - start;
        let wanted = *length.get_or_insert(found);
        if found != wanted {
            return Err(format!(
                "answered with a vector of {found} numbers for input {place}, and {wanted} are needed; the model or its dimensions may have been changed."
            ));
        }
        if found == 0 || found > MAX_DIMENSION as usize {
            return Err(format!(
                "answered with vectors of {found} numbers; 1 to {MAX_DIMENSION} can be stored."
            ));
        }
        if place == 0 {
            values.reserve_exact(wanted * (items.len() - 1));
        }
        check_numbers(&values[start..], place)?;
    }
    Ok(Embeddings {
        dimension: length.unwrap_or(0) as u32,
        values,
    })
}

fn append_vector(json: &str, values: &mut Vec<f32>) -> Result<(), String> {
    if !json.starts_with('"') {
        let numbers: Vec<f32> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        values.extend(numbers);
        return Ok(());
    }
    let text: BorrowedText = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let bytes = STANDARD
        .decode(&*text.0)
        .map_err(|error| error.to_string())?;
    let (numbers, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(format!("{} bytes are no whole number of f32", bytes.len()));
    }
    values.extend(numbers.iter().map(|&number| f32::from_le_bytes(number)));
    Ok(())
}

/// Base64 has nothing to unescape, except for writers that escape the slash.
#[derive(Deserialize)]
struct BorrowedText<'a>(#[serde(borrow)] Cow<'a, str>);

fn check_numbers(vector: &[f32], place: usize) -> Result<(), String> {
    if !vector.iter().all(|number| number.is_finite()) {
        return Err(format!(
            "answered with a number that is not finite in vector {place}."
        ));
    }
    if vector.iter().all(|&number| number == 0.0) {
        return Err(format!(
            "answered with zeros only in vector {place}, which has no direction to compare."
        ));
    }
    Ok(())
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
