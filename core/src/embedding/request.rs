//! What is asked of an embedder.

use serde::Serialize;

#[derive(Serialize)]
struct Request<'a, S> {
    model: &'a str,
    input: &'a [S],
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

/// The JSON body of a request for the embeddings of `inputs`.
///
/// `base64` asks for vectors in that form, which is a quarter of the size of decimal numbers and far cheaper
/// to read; servers that do not know it answer with arrays, or refuse. `dimensions` asks a model that can for
/// shorter vectors.
pub fn request_body<S: Serialize>(
    model: &str,
    inputs: &[S],
    base64: bool,
    dimensions: Option<u32>,
) -> Vec<u8> {
    let request = Request {
        model,
        input: inputs,
        encoding_format: base64.then_some("base64"),
        dimensions,
    };
    // Strings and numbers, written to memory: neither can fail.
    serde_json::to_vec(&request).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn the_body_is_openais() {
        let body = request_body("m", &["a \"b\"", "c"], true, None);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let expected =
            json!({"model": "m", "input": ["a \"b\"", "c"], "encoding_format": "base64"});
        assert_eq!(body, expected);
        let body = request_body("m", &["a"], false, Some(256));
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["dimensions"], 256);
        assert_eq!(body.get("encoding_format"), None);
    }
}
