//! Requests' bodies as JSON of a known shape.

use serde::de::DeserializeOwned;

use super::ApiError;

/// What some programs put before a text: it is no part of it.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A body as JSON of a known shape, with or without a byte order mark.
///
/// # Errors
///
/// 400 for what is not such JSON, which says where, and names the field at fault where one is.
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    serde_json::from_slice(body).map_err(|fault| match fault.is_data() {
        true => match path_of_fault::<T>(body) {
            Some(path) => refused(&fault).param(path),
            None => refused(&fault),
        },
        false => refused(&fault),
    })
}

/// Where the field is that cannot be read; `None` where it is the whole, or in what nests so deep that
/// following it would take more stack than an instance has.
fn path_of_fault<T: DeserializeOwned>(body: &[u8]) -> Option<String> {
    if deepest(body) > MOST_FOLLOWED {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read: Result<T, _> = serde_path_to_error::deserialize(&mut reader);
    let path = read.err()?.path().to_string();
    (!matches!(path.as_str(), "." | "?" | "")).then_some(path)
}

/// As deep as what is followed may nest: twice the depth of the deepest filter.
const MOST_FOLLOWED: usize = 32;

/// How deep a JSON text nests.
fn deepest(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut is_escaped) = (false, false);
    for byte in body {
        match (in_string, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn refused(fault: &serde_json::Error) -> ApiError {
    ApiError::invalid_request(format!(
        "The body is not the JSON that this request takes: {fault}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AttachFile, CreateBatch};

    #[test]
    fn a_field_of_another_type_is_named() {
        let fault = |body: &str| {
            let error = from_json::<CreateBatch>(body.as_bytes()).unwrap_err();
            assert_eq!(error.status, 400);
            error.param
        };
        assert_eq!(fault(r#"{"file_ids": 5}"#).as_deref(), Some("file_ids"));
        let nested = r#"{"files": [{"file_id": "file-a"}, {"file_id": 7}]}"#;
        assert_eq!(fault(nested).as_deref(), Some("files[1].file_id"));
        for broken in ["{", "[]", r#"{"file_ids": []} {}"#] {
            assert_eq!(fault(broken), None, "{broken}");
        }
    }

    #[test]
    fn what_nests_deep_is_refused_without_being_followed() {
        let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        for depth in [100, 100_000] {
            let body = format!("{{\"file_ids\": 5, \"other\": {}}}", lists(depth));
            let error = from_json::<CreateBatch>(body.as_bytes()).unwrap_err();
            assert_eq!((error.status, error.param), (400, None), "{depth}");
        }
        let hidden = r#"["]\"","#.repeat(100) + "1" + &"]".repeat(100);
        assert_eq!(deepest(hidden.as_bytes()), 100);
        let body = format!("{{\"file_ids\": 5, \"other\": {}}}", lists(20));
        let error = from_json::<CreateBatch>(body.as_bytes()).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("file_ids"));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_json() {
        let read = from_json::<AttachFile>(b"\xef\xbb\xbf{\"file_id\": \"file-a\"}").unwrap();
        assert_eq!(read.file_id, "file-a");
    }
}
