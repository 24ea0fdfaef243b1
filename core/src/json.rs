use serde::Serialize;

use crate::error::ApiError;

/// A value as the JSON of an object to be stored. `failure` begins the error's text.
pub fn to_vec(value: &impl Serialize, failure: &str) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|fault| ApiError::new(500, format!("{failure}: {fault}.")))
}
