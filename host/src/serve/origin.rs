//! Whether a web page of another site speaks through the client.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Whether the client means this machine, and no web page of another site speaks through it, unless its
/// origin `is_admitted`: a page may have its own name resolved to a loopback address, and may post forms
/// anywhere.
pub fn is_local(headers: &HeaderMap, is_admitted: bool) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable"))
    };
    let origin =
        text(ORIGIN).map(|origin| origin.split_once("://").map_or(origin, |(_, rest)| rest));
    let origin = origin.filter(|_| !is_admitted);
    [text(HOST), origin].into_iter().flatten().all(is_loopback)
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback = host
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    is_loopback || host.eq_ignore_ascii_case("localhost") || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_local_with(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        is_local(&headers, false)
    }

    #[test]
    fn a_page_that_was_let_in_is_answered_and_a_rebound_name_is_not() {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, "https://app.example".parse().unwrap());
        for (host, is_answered) in [("localhost:8787", true), ("evil.example", false)] {
            headers.insert(HOST, host.parse().unwrap());
            assert_eq!(is_local(&headers, true), is_answered, "{host}");
        }
    }

    #[test]
    fn a_rebound_name_and_another_sites_page_are_refused() {
        for host in [
            "localhost:8787",
            "127.0.0.1:8787",
            "127.8.8.8",
            "[::1]:8787",
            "LOCALHOST",
        ] {
            assert!(is_local_with(host, None), "{host}");
            assert!(is_local_with(host, Some("http://localhost:3000")), "{host}");
            assert!(!is_local_with(host, Some("https://evil.example")), "{host}");
            assert!(!is_local_with(host, Some("null")), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "",
            "127.0.0.1.evil.example",
        ] {
            assert!(!is_local_with(host, None), "{host}");
        }
    }
}
