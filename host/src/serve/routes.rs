//! Who answers which path.

use crate::guests::Guest;

/// Who answers a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// One of the guests, in a fresh instance.
    Guest(Guest),
    /// The embedded embedder.
    Embedder,
    /// A search of a native index, for guests elsewhere.
    Index,
    /// `GET /v1/usage`, or that of all tenants.
    Usage(Whose),
    /// `GET /healthz`.
    Health,
    /// `GET /readyz`.
    Ready,
    /// `GET /metrics`.
    Metrics,
    /// Nobody.
    Unknown,
}

/// Of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The caller's tenant.
    Own,
    /// All tenants.
    All,
}

/// Who answers `path`, whatever the method.
pub fn route(path: &str) -> Route {
    match path {
        "/healthz" => Route::Health,
        "/readyz" => Route::Ready,
        "/metrics" => Route::Metrics,
        "/v1/embeddings" | "/v1/models" => Route::Embedder,
        "/v1/usage" => Route::Usage(Whose::Own),
        "/v1/usage/tenants" => Route::Usage(Whose::All),
        "/upload" => Route::Guest(Guest::Ingest),
        _ => path
            .strip_prefix("/v1/")
            .and_then(resource)
            .unwrap_or(Route::Unknown),
    }
}

fn resource(path: &str) -> Option<Route> {
    let mut segments = path.trim_end_matches('/').split('/');
    match segments.next()? {
        "files" | "uploads" => return Some(Route::Guest(Guest::Stores)),
        "vector_stores" => {}
        _ => return None,
    }
    let (_store, part, rest) = (segments.next(), segments.next(), segments.next());
    Some(match (part, rest) {
        (Some("files"), _) => Route::Guest(Guest::Ingest),
        (Some("search"), None) => Route::Guest(Guest::Search),
        (Some("bases"), Some(_)) => Route::Index,
        _ => Route::Guest(Guest::Stores),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_guest() {
        for (path, guest) in [
            ("/upload", Guest::Ingest),
            ("/v1/files", Guest::Stores),
            ("/v1/files/file-1/content", Guest::Stores),
            ("/v1/uploads", Guest::Stores),
            ("/v1/uploads/upload_1/parts", Guest::Stores),
            ("/v1/vector_stores", Guest::Stores),
            ("/v1/vector_stores/", Guest::Stores),
            ("/v1/vector_stores/vs_1", Guest::Stores),
            ("/v1/vector_stores/vs_1/files", Guest::Ingest),
            ("/v1/vector_stores/vs_1/files/file-1/content", Guest::Ingest),
            ("/v1/vector_stores/vs_1/files/search", Guest::Ingest),
            ("/v1/vector_stores/files", Guest::Stores),
            ("/v1/vector_stores/vs_1/search", Guest::Search),
            ("/v1/vector_stores/search/search", Guest::Search),
            ("/v1/vector_stores/vs_1/other", Guest::Stores),
        ] {
            assert_eq!(route(path), Route::Guest(guest), "{path}");
        }
        assert_eq!(route("/v1/vector_stores/vs_1/bases/b/search"), Route::Index);
    }

    #[test]
    fn spin_sends_every_path_to_the_same_guest() {
        let manifest = include_str!("../../../spin.toml");
        let value = |line: &str, key: &str| -> Option<String> {
            let quoted = line.strip_prefix(key)?.trim().strip_prefix('=')?.trim();
            Some(quoted.trim_matches('"').to_owned())
        };
        let mut triggers = Vec::new();
        let mut lines = manifest.lines();
        while let Some(line) = lines.next() {
            if let Some(path) = value(line, "route") {
                let component = lines.next().and_then(|next| value(next, "component"));
                triggers.push((path, component.unwrap()));
            }
        }
        assert!(triggers.len() > 5, "{triggers:?}");
        for (path, component) in &triggers {
            // What no guest answers has a guest there that says so.
            if path == "/..." {
                continue;
            }
            let path = path.replace(":store", "vs_1");
            for path in [path.replace("/...", ""), path.replace("...", "a/b")] {
                let Route::Guest(guest) = route(&path) else {
                    panic!("{path} has no guest");
                };
                assert_eq!(guest.name(), component, "{path}");
            }
        }
    }

    #[test]
    fn other_paths_have_none() {
        for path in [
            "/",
            "",
            "/v1",
            "/v1/",
            "/v2/files",
            "/upload/",
            "/v1/filesx",
            "//v1/files",
            "/healthz/",
        ] {
            assert_eq!(route(path), Route::Unknown, "{path}");
        }
    }
}
