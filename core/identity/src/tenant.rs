//! The names of tenants.

/// The tenant of a server without keys.
pub const DEFAULT_TENANT: &str = "default";

/// Whether `name` is `[a-z0-9][a-z0-9_-]{0,62}`: safe as a folder of any file system and bucket.
pub fn is_tenant(name: &str) -> bool {
    let first = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let rest = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    first && rest && name.len() <= 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_tenants() {
        for good in ["a", "0", "acme-2_x", &"a".repeat(63)] {
            assert!(is_tenant(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "-a",
            "_a",
            "A",
            "a/b",
            "a.b",
            "ä",
            "a\0",
            &"a".repeat(64),
        ] {
            assert!(!is_tenant(bad), "{bad:?}");
        }
    }
}
