//! What a key looks like, whatever stores it.

use super::ObjectError;

/// The most bytes of a key. S3 allows 1,024 bytes, of which the tenant's name and the bucket's prefix take some.
pub const MAX_KEY: usize = 768;
/// File systems allow 255 bytes, of which a file in the making takes some.
const MAX_SEGMENT: usize = 200;

/// Accepts a whole key: segments of `[A-Za-z0-9._=-]` joined by `/`, none of them empty, `.` or `..`.
pub fn check_key(key: &str) -> Result<(), ObjectError> {
    if key.len() > MAX_KEY {
        return Err(ObjectError::InvalidKey(format!(
            "a key has at most {MAX_KEY} bytes"
        )));
    }
    key.split('/').try_for_each(check_segment)
}

/// Splits a prefix into the folder that it lies in and the beginning of a name there. Both may
/// be empty; the folder has no `/` at its end.
pub fn split_prefix(prefix: &str) -> Result<(&str, &str), ObjectError> {
    let (folder, beginning) = prefix.rsplit_once('/').unwrap_or(("", prefix));
    if prefix.contains('/') {
        check_key(folder)?;
    }
    if beginning.len() > MAX_SEGMENT || !beginning.bytes().all(is_allowed) {
        return Err(invalid(beginning));
    }
    Ok((folder, beginning))
}

/// Accepts one segment of a key.
pub fn check_segment(segment: &str) -> Result<(), ObjectError> {
    let named = !matches!(segment, "" | "." | "..");
    if named && segment.len() <= MAX_SEGMENT && segment.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(invalid(segment))
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'=' | b'-')
}

fn invalid(segment: &str) -> ObjectError {
    let shown: String = segment.chars().take(40).collect();
    ObjectError::InvalidKey(format!(
        "{shown:?} is no segment of a key: 1 to {MAX_SEGMENT} of [A-Za-z0-9._=-], not `.` or `..`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_pass() {
        for key in [
            "a",
            "a/b",
            "stores/vs_1/manifest/00000000000000000001.json",
            "a=b/-/_/.c",
            &"x".repeat(200),
        ] {
            assert!(check_key(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn nothing_that_could_leave_the_tenant_passes() {
        let long = "x".repeat(201);
        let deep = "a/".repeat(400) + "a";
        for key in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../a",
            "a/..",
            "a/../b",
            "a/./b",
            "a\\..\\b",
            "a\0b",
            "ä",
            "a b",
            "a%2e%2e/b",
            "%2e%2e",
            "a#1",
            "a:b",
            "\u{ff0e}\u{ff0e}/a",
            "a\n",
            "…",
            "~",
            "*",
            &long,
            &deep,
        ] {
            assert!(
                matches!(check_key(key), Err(ObjectError::InvalidKey(_))),
                "{key:?}"
            );
        }
    }

    #[test]
    fn prefixes_end_anywhere_in_a_name() {
        assert_eq!(split_prefix("").unwrap(), ("", ""));
        assert_eq!(split_prefix("a").unwrap(), ("", "a"));
        assert_eq!(split_prefix("a/b/").unwrap(), ("a/b", ""));
        assert_eq!(split_prefix("a/b/c").unwrap(), ("a/b", "c"));
        for prefix in [
            "/", "//", "../", "a/../", "a//", "a/./b", "a b", "/a", "a/\0",
        ] {
            assert!(split_prefix(prefix).is_err(), "{prefix:?}");
        }
    }
}
