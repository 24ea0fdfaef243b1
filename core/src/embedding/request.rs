//! What is asked of an embedder.

use serde::Serialize;

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<u32>,
}

/// The JSON body of a request for the embeddings of `inputs`.
///
/// Asks for base64, which is a quarter of the size of decimal numbers and far cheaper to
/// read; servers that do not know it answer with arrays. `dimensions` asks a model
/// that can for shorter vectors.
pub fn request_body(model: &str, inputs: &[&str], dimensions: Option<u32>) -> Vec<u8> {
    let request = Request {
        model,
        input: inputs,
        encoding_format: "base64",
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
        let body = request_body("m", &["a \"b\"", "c"], None);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let expected =
            json!({"model": "m", "input": ["a \"b\"", "c"], "encoding_format": "base64"});
        assert_eq!(body, expected);
        let body = request_body("m", &["a"], Some(256));
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["dimensions"], 256);
    }
}
