//! OpenAI's file object, and what is asked of files.

use serde::Serialize;

use super::ApiError;
use crate::files::{FileExpiresAfter, FileMeta};

/// The purposes that OpenAI's API knows. Dayfly keeps the word and treats all files alike.
const PURPOSES: [&str; 6] = [
    "assistants",
    "batch",
    "fine-tune",
    "vision",
    "user_data",
    "evals",
];

/// The length of the longest purpose in bytes.
pub const LONGEST_PURPOSE: usize = 10;

/// A file's purpose as the caller gave it.
///
/// Errors: 400 that names those there are.
pub fn purpose(given: &[u8]) -> Result<String, ApiError> {
    let known = PURPOSES.iter().find(|known| known.as_bytes() == given);
    known.map(|known| (*known).to_owned()).ok_or_else(|| {
        ApiError::invalid_request(format!("'purpose' takes one of: {}.", PURPOSES.join(", ")))
            .param("purpose")
    })
}

/// Checks OpenAI's bounds of a file's expiry.
///
/// # Errors
///
/// 400 that names them.
pub fn validate_expiry(expiry: &FileExpiresAfter) -> Result<(), ApiError> {
    const SECONDS: std::ops::RangeInclusive<u64> = 3_600..=2_592_000;
    if expiry.anchor == "created_at" && SECONDS.contains(&expiry.seconds) {
        return Ok(());
    }
    Err(ApiError::invalid_request(
        "'expires_after' takes the anchor 'created_at' and from 3600 to 2592000 seconds.",
    )
    .param("expires_after"))
}

/// OpenAI's File object.
#[derive(Debug, Clone, Serialize)]
pub struct FileObject {
    id: String,
    object: &'static str,
    bytes: u64,
    created_at: u64,
    filename: String,
    purpose: String,
    status: &'static str,
    expires_at: Option<u64>,
    status_details: Option<String>,
}

impl From<FileMeta> for FileObject {
    fn from(meta: FileMeta) -> Self {
        Self {
            id: meta.id,
            object: "file",
            bytes: meta.bytes,
            created_at: meta.created_at,
            filename: meta.filename,
            purpose: meta.purpose,
            status: "processed",
            expires_at: meta.expires_at,
            status_details: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_purpose_is_longer_than_what_is_read_of_one() {
        assert_eq!(
            PURPOSES.iter().map(|known| known.len()).max(),
            Some(LONGEST_PURPOSE)
        );
    }
}
