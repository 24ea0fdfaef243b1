//! Where a component's requests may go: `allowed_outbound_hosts`.

use anyhow::{Context as _, bail};
use http::Uri;
use url::Host;

/// The destinations of one component.
#[derive(Debug, Default)]
pub struct AllowedHosts(Vec<Destination>);

#[derive(Debug, PartialEq, Eq)]
struct Destination {
    scheme: Option<String>,
    host: Pattern,
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    /// With the dot before it.
    Below(String),
    Only(Host),
}

impl AllowedHosts {
    /// Each of `entries` is `scheme://host[:port]`, with `*` for any, and `*.domain` for what is
    /// below one. Without a port, the scheme's own.
    pub fn new(entries: &[String]) -> anyhow::Result<Self> {
        let destinations = entries.iter().map(|entry| {
            parse(entry.trim())
                .with_context(|| format!("{entry:?} is no destination: write scheme://host:port"))
        });
        Ok(Self(destinations.collect::<anyhow::Result<_>>()?))
    }

    /// Whether a request may go to `uri`.
    pub fn allow(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return false;
        };
        let (Ok(host), Some(port)) = (Host::parse(host), uri.port_u16().or(own_port(scheme)))
        else {
            return false;
        };
        self.0.iter().any(|allowed| {
            allowed.scheme.as_deref().is_none_or(|only| only == scheme)
                && allowed.port.is_none_or(|only| only == port)
                && allowed.host.matches(&host)
        })
    }
}

impl Pattern {
    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Below(_), _) => false,
            (Self::Only(only), host) => only == host,
        }
    }
}

fn parse(entry: &str) -> anyhow::Result<Destination> {
    let (scheme, rest) = entry.split_once("://").context("it has no scheme")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('/') {
        bail!("it has a path");
    }
    let (host, port) = match rest.rsplit_once(':') {
        // The colons of an address in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let port = match port {
        Some("*") => None,
        Some(port) => Some(port.parse().context("its port is no number")?),
        None => Some(own_port(scheme).context("it has no port")?),
    };
    let host = match host {
        "*" => Pattern::Any,
        host => match host.strip_prefix("*.") {
            Some(domain) => Pattern::Below(format!(".{domain}")),
            None => Pattern::Only(Host::parse(host)?),
        },
    };
    Ok(Destination {
        scheme: Some(scheme.to_owned()).filter(|scheme| scheme != "*"),
        host,
        port,
    })
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(entry: &str, uri: &str) -> bool {
        AllowedHosts::new(&[entry.to_owned()])
            .unwrap()
            .allow(&uri.parse().unwrap())
    }

    #[test]
    fn scheme_host_and_port_must_all_fit() {
        assert!(allowed("http://127.0.0.1:9", "http://127.0.0.1:9/any/path"));
        assert!(allowed("https://a.b", "https://a.b:443/"));
        assert!(allowed("https://a.b/", "https://a.b/"));
        for uri in [
            "https://127.0.0.1:9/",
            "http://127.0.0.1:10/",
            "http://127.0.0.1/",
            "http://127.0.0.2:9/",
            "/relative",
        ] {
            assert!(!allowed("http://127.0.0.1:9", uri), "{uri}");
        }
    }

    #[test]
    fn wildcards_are_as_wide_as_written() {
        assert!(allowed("*://*:*", "http://anything:81/"));
        assert!(allowed("https://*.a.b", "https://bucket.a.b/"));
        assert!(!allowed("https://*.a.b", "https://a.b/"));
        assert!(!allowed("https://*.a.b", "https://xa.b/"));
    }

    #[test]
    fn what_is_no_destination_is_refused() {
        for entry in ["", "*", "a.b", "http://a.b/path", "http://a.b:x", "ftp://a"] {
            assert!(AllowedHosts::new(&[entry.to_owned()]).is_err(), "{entry}");
        }
    }

    #[test]
    fn nothing_is_allowed_that_is_not_listed() {
        assert!(!AllowedHosts::default().allow(&"http://a.b/".parse().unwrap()));
    }
}
