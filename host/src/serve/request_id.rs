//! Naming requests.

use std::sync::Arc;

use dayfly_core::request_id::{HEADER, is_sane};
use http::{HeaderMap, HeaderName};

use crate::storage::random_id;

/// Names a request in its response and in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static(HEADER);

/// The client's own id where it is sane, otherwise a new one.
pub fn request_id(headers: &HeaderMap) -> Arc<str> {
    let own = headers
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok());
    match own.filter(|id| is_sane(id)) {
        Some(id) => id.into(),
        None => format!("req_{}", random_id().unwrap_or_default()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sane_ids_are_kept_and_others_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, "abc-1.2_X".parse().unwrap());
        assert_eq!(&*request_id(&headers), "abc-1.2_X");
        for bad in ["", "a b", "a\"b", &"x".repeat(129)] {
            headers.insert(REQUEST_ID, bad.parse().unwrap());
            assert!(request_id(&headers).starts_with("req_"), "{bad}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
