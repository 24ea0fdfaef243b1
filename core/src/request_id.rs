//! Which ids of requests are taken from callers.

/// The header that names a request, in itself and in its response.
pub const HEADER: &str = "x-request-id";

const MAX_LENGTH: usize = 128;

/// Whether a caller's own id may stand in responses and logs: 1 to 128 of `[A-Za-z0-9._-]`.
pub fn is_sane(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(allowed)
}
