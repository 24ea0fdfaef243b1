//! OpenAI's embeddings protocol: requests, answers and errors as JSON.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::answer::{EmbedError, Embeddings};
use crate::input::{Input, MAX_INPUTS};
use crate::models::Names;
use crate::weights::{DIMENSION, MODEL_ID};

/// The body of `POST /v1/embeddings`. Fields that are not listed are ignored, as `user` is.
#[derive(Deserialize)]
struct Request {
    input: Option<Input>,
    model: Option<String>,
    encoding_format: Option<String>,
    dimensions: Option<u64>,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As arrays of numbers.
    Float,
    /// As the base64 of little-endian f32.
    Base64,
}

/// A valid request.
#[derive(Debug)]
pub(crate) struct Embed {
    pub texts: Vec<String>,
    pub encoding: Encoding,
}

/// Reads and validates the body of a request.
///
/// # Errors
///
/// [`ApiError`] with 400, or 404 for another model.
pub(crate) fn parse(body: &[u8], names: &Names) -> Result<Embed, ApiError> {
    let request: Request = serde_json::from_slice(body)
        .map_err(|e| ApiError::invalid(format!("The body is not a valid request: {e}"), None))?;
    let model = request
        .model
        .ok_or_else(|| ApiError::invalid("Name a model.", Some("model")))?;
    if !names.contains(&model) {
        return Err(ApiError::model_not_found(&model));
    }
    let encoding = match request.encoding_format.as_deref() {
        None | Some("float") => Encoding::Float,
        Some("base64") => Encoding::Base64,
        Some(other) => {
            let message = format!("'{other}' is no encoding format: use 'float' or 'base64'.");
            return Err(ApiError::invalid(message, Some("encoding_format")));
        }
    };
    if let Some(dimensions) = request.dimensions
        && dimensions != DIMENSION as u64
    {
        let message = format!("{MODEL_ID} has {DIMENSION} dimensions, not {dimensions}.");
        return Err(ApiError::invalid(message, Some("dimensions")));
    }
    let texts = texts_of(request.input).map_err(|e| ApiError::invalid(e, Some("input")))?;
    Ok(Embed { texts, encoding })
}

fn texts_of(input: Option<Input>) -> Result<Vec<String>, String> {
    let texts = match input {
        None => return Err("Give an input: a string or an array of strings.".to_owned()),
        Some(Input::Texts(texts)) => texts,
        Some(Input::Tokens) => {
            return Err(format!(
                "Arrays of tokens are not supported, since {MODEL_ID} has a vocabulary of its \
                 own: send the text (in LangChain, check_embedding_ctx_length=False)."
            ));
        }
        Some(Input::TooMany(count)) => {
            return Err(format!(
                "The input has {count} strings; one request takes {MAX_INPUTS} at most: split it."
            ));
        }
    };
    if texts.is_empty() {
        return Err("The input is an empty array: give at least one string.".to_owned());
    }
    match texts.iter().position(String::is_empty) {
        Some(number) => Err(format!("String {number} of the input is empty.")),
        None => Ok(texts),
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'static str,
    usage: Usage,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Vector<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector<'a> {
    Float(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// Writes the answer to a request.
///
/// # Errors
///
/// [`ApiError`] with 500 where a vector has a component that JSON cannot express.
pub(crate) fn write(embeddings: &Embeddings, encoding: Encoding) -> Result<Vec<u8>, ApiError> {
    let data = embeddings.rows().enumerate().map(|(index, row)| Item {
        object: "embedding",
        index,
        embedding: match encoding {
            Encoding::Float => Vector::Float(row),
            Encoding::Base64 => Vector::Base64(base64_of(row)),
        },
    });
    let answer = Answer {
        object: "list",
        data: data.collect(),
        model: MODEL_ID,
        usage: Usage {
            prompt_tokens: embeddings.tokens,
            total_tokens: embeddings.tokens,
        },
    };
    serde_json::to_vec(&answer).map_err(|e| ApiError::internal(e.to_string()))
}

fn base64_of(row: &[f32]) -> String {
    let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// An error in OpenAI's envelope.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
    param: Option<&'static str>,
    code: Option<&'static str>,
    retry_after_s: Option<u32>,
}

impl ApiError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
            retry_after_s: None,
        }
    }

    fn invalid(message: impl Into<String>, param: Option<&'static str>) -> Self {
        Self {
            param,
            ..Self::new(StatusCode::BAD_REQUEST, message)
        }
    }

    fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub fn model_not_found(model: &str) -> Self {
        let message = format!("There is no model '{model}' here: use '{MODEL_ID}'.");
        Self {
            param: Some("model"),
            code: Some("model_not_found"),
            ..Self::new(StatusCode::NOT_FOUND, message)
        }
    }
}

impl From<EmbedError> for ApiError {
    fn from(error: EmbedError) -> Self {
        let message = error.to_string();
        match error {
            EmbedError::Busy { retry_after_s } => Self {
                code: Some("overloaded"),
                retry_after_s: Some(retry_after_s),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
            },
            EmbedError::Stopped => Self {
                code: Some("overloaded"),
                retry_after_s: Some(1),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
            },
            EmbedError::Failed(_) => Self::internal(message),
        }
    }
}

#[derive(Serialize)]
struct Envelope {
    error: ErrorBody,
}

#[derive(Serialize)]
struct ErrorBody {
    message: String,
    r#type: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let r#type = if self.status.is_client_error() {
            "invalid_request_error"
        } else {
            "server_error"
        };
        let body = Envelope {
            error: ErrorBody {
                message: self.message,
                r#type,
                param: self.param,
                code: self.code,
            },
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_s {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(body: serde_json::Value) -> Result<Embed, ApiError> {
        parse(body.to_string().as_bytes(), &Names::new(Vec::new()))
    }

    fn refused(body: serde_json::Value) -> (u16, Option<&'static str>, String) {
        let error = parsed(body).unwrap_err();
        (error.status.as_u16(), error.param, error.message)
    }

    #[test]
    fn one_string_or_several_are_accepted() {
        let one = parsed(json!({"model": MODEL_ID, "input": "a", "user": "u"})).unwrap();
        assert_eq!(
            (one.texts, one.encoding),
            (vec!["a".to_owned()], Encoding::Float)
        );
        let two = json!({"model": MODEL_ID, "input": ["a", "b"], "encoding_format": "base64",
            "dimensions": 384});
        let two = parsed(two).unwrap();
        assert_eq!((two.texts.len(), two.encoding), (2, Encoding::Base64));
    }

    #[test]
    fn what_is_wrong_with_a_request_is_named() {
        let cases = [
            (json!({"input": "a"}), "model"),
            (json!({"model": MODEL_ID}), "input"),
            (json!({"model": MODEL_ID, "input": ""}), "input"),
            (json!({"model": MODEL_ID, "input": []}), "input"),
            (json!({"model": MODEL_ID, "input": ["a", ""]}), "input"),
            (json!({"model": MODEL_ID, "input": [1, 2]}), "input"),
            (json!({"model": MODEL_ID, "input": [[1], [2]]}), "input"),
            (
                json!({"model": MODEL_ID, "input": vec!["a"; 2049]}),
                "input",
            ),
            (
                json!({"model": MODEL_ID, "input": "a", "dimensions": 256}),
                "dimensions",
            ),
            (
                json!({"model": MODEL_ID, "input": "a", "encoding_format": "hex"}),
                "encoding_format",
            ),
        ];
        for (body, param) in cases {
            let (status, named, message) = refused(body);
            assert_eq!((status, named), (400, Some(param)), "{message}");
        }
        assert!(
            refused(json!({"model": MODEL_ID, "input": [1, 2]}))
                .2
                .contains("send the text")
        );
        assert_eq!(
            parse(b"{", &Names::new(Vec::new()))
                .unwrap_err()
                .status
                .as_u16(),
            400
        );
    }

    #[test]
    fn another_model_is_not_found() {
        let error = parsed(json!({"model": "text-embedding-3-small", "input": "a"})).unwrap_err();
        assert_eq!(error.status.as_u16(), 404);
        assert_eq!(error.code, Some("model_not_found"));
    }

    #[test]
    fn base64_is_of_little_endian_f32() {
        assert_eq!(base64_of(&[1.0, -2.0]), "AACAPwAAAMA=");
    }
}
