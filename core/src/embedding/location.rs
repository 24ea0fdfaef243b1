//! Where a provider sends a request on to.

/// Statuses that send a request on as it is, or in practice do (RFC 9110, section 15.4).
pub const FOLLOWED: [u16; 4] = [301, 302, 307, 308];

/// The host of a whole URL, and its port where one is named.
pub fn authority(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// Where a `location` leads from a URL, as RFC 3986 resolves it; `None` where that is another host, or the same
/// by another scheme: the key is not for those.
///
/// What would lead above a folder is not followed, either.
pub fn resolve(url: &str, location: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = authority(url);
    let location = location.split('#').next().unwrap_or_default();
    let path = location.split('?').next().unwrap_or_default();
    if path.split('/').any(is_dots) {
        return None;
    }
    if let Some(path) = location.strip_prefix("//") {
        return resolve(url, &format!("{scheme}://{path}"));
    }
    if let Some((to, _)) = location.split_once("://") {
        let is_same = self::authority(location).eq_ignore_ascii_case(authority);
        return (is_same && to.eq_ignore_ascii_case(scheme)).then(|| location.to_owned());
    }
    if location.starts_with('/') {
        return Some(format!("{scheme}://{authority}{location}"));
    }
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let folder = path.rfind('/').map_or(path, |end| &path[..end]);
    // What leads to the same place would lead there for ever.
    let leads_on = !location.is_empty() && !location.starts_with('?');
    leads_on.then(|| format!("{scheme}://{folder}/{location}"))
}

/// `..`, also where it is written in percent codes.
pub fn is_dots(segment: &str) -> bool {
    matches!(
        segment.to_ascii_lowercase().replace("%2e", ".").as_str(),
        "." | ".."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_on_the_same_host_is_followed() {
        let url = "https://models.test:8443/v1/embeddings?version=1";
        for (location, expected) in [
            ("/v1/embeddings/", "https://models.test:8443/v1/embeddings/"),
            (
                "https://MODELS.test:8443/v2#top",
                "https://MODELS.test:8443/v2",
            ),
            ("//models.test:8443/v2", "https://models.test:8443/v2"),
            ("other", "https://models.test:8443/v1/other"),
        ] {
            assert_eq!(resolve(url, location).as_deref(), Some(expected));
        }
        assert_eq!(
            resolve("http://models.test/v1", "https://models.test/v1"),
            None
        );
    }

    #[test]
    fn the_key_goes_to_no_other_host_and_never_in_plain_text() {
        let url = "https://models.test/v1/embeddings";
        for location in [
            "https://models.test.evil.test/v1",
            "https://evil.test/v1/embeddings",
            "//evil.test/v1",
            "https://models.test:8443/v1",
            "https://models.test@evil.test/v1",
            "http://models.test/v1/embeddings",
            "file:///etc/passwd",
            "../../admin",
            "/v1/%2E%2e/admin",
            "",
        ] {
            assert_eq!(resolve(url, location), None, "{location}");
        }
    }
}
