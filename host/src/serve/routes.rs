//! Who answers which path.

use dayfly_core::api::routes::{self, HostOperation, Operation, Server};

use crate::guests::Guest;

/// Who answers a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// One of the guests, in a fresh instance.
    Guest(Guest),
    /// The host.
    Host(HostOperation),
    /// Nobody.
    Unknown,
}

/// Below these a guest says that there is no such path.
const RESOURCES: [&str; 3] = ["files", "uploads", "vector_stores"];

/// Who answers `path`, whatever the method.
pub fn route(path: &str) -> Route {
    let Some(path) = path.strip_prefix('/') else {
        return Route::Unknown;
    };
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    if let Some((route, _)) = routes::find(&segments) {
        return of(route);
    }
    match segments[..] {
        // Models' names have slashes in them.
        ["v1", "models", ..] => Route::Host(HostOperation::GetModel),
        ["v1", resource, ..] if RESOURCES.contains(&resource) => Route::Guest(Guest::Stores),
        _ => Route::Unknown,
    }
}

fn of(route: &routes::Route) -> Route {
    match route.server() {
        Server::Stores => Route::Guest(Guest::Stores),
        Server::Ingest => Route::Guest(Guest::Ingest),
        Server::Search => Route::Guest(Guest::Search),
        Server::Host => {
            let of_host = route
                .operations
                .iter()
                .find_map(|(_, operation)| match operation {
                    Operation::Host(operation) => Some(*operation),
                    _ => None,
                });
            of_host.map_or(Route::Unknown, Route::Host)
        }
    }
}

#[cfg(test)]
mod tests {
    use dayfly_core::api::routes::ROUTES;

    use super::*;

    #[test]
    fn paths_that_no_operation_has_are_answered_by_a_guest_below_a_resource() {
        for path in [
            "/v1/vector_stores/",
            "/v1/vector_stores/vs_1/other",
            "/v1/vector_stores/vs_1/files/file-1/other",
            "/v1/files/file-1/other/",
            "/v1/uploads/upload_1",
        ] {
            assert_eq!(route(path), Route::Guest(Guest::Stores), "{path}");
        }
        for path in ["", "/v1", "/v1/", "/v2/files", "/v1/filesx", "//v1/files"] {
            assert_eq!(route(path), Route::Unknown, "{path}");
        }
    }

    #[test]
    fn what_names_stand_in_a_path_changes_nothing() {
        for (path, expected) in [
            (
                "/v1/vector_stores/vs_1/files/search",
                Route::Guest(Guest::Ingest),
            ),
            ("/v1/vector_stores/files", Route::Guest(Guest::Stores)),
            ("/v1/vector_stores/files/", Route::Guest(Guest::Stores)),
            ("/upload/", Route::Guest(Guest::Ingest)),
            ("/", Route::Host(HostOperation::GetFrontPage)),
            ("/v1/models/a/b", Route::Host(HostOperation::GetModel)),
            ("/healthz/", Route::Host(HostOperation::GetHealth)),
            (
                "/v1/vector_stores/search/search",
                Route::Guest(Guest::Search),
            ),
            (
                "/v1/vector_stores/vs_1/bases/b/search",
                Route::Host(HostOperation::SearchIndex),
            ),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }

    /// A trigger of `spin.toml`: its path, of which `:name` is any segment and `...` all that is left.
    struct Trigger {
        path: String,
        component: String,
    }

    impl Trigger {
        fn all() -> Vec<Self> {
            let manifest = include_str!("../../../spin.toml");
            let mut lines = manifest.lines();
            let mut triggers = Vec::new();
            while let Some(line) = lines.next() {
                if let Some(path) = value(line, "route") {
                    let component = lines.next().and_then(|next| value(next, "component"));
                    let component = component.expect("a component after its route");
                    triggers.push(Self { path, component });
                }
            }
            triggers
        }

        /// How many segments it names of this path, where it is one of its own.
        fn names(&self, path: &str) -> Option<usize> {
            let mut segments = path.split('/');
            let mut named = 0;
            for wanted in self.path.split('/') {
                if wanted == "..." {
                    return Some(named);
                }
                let segment = segments.next()?;
                match wanted.starts_with(':') {
                    true => {}
                    false if wanted == segment => named += 1,
                    false => return None,
                }
            }
            segments.next().is_none().then_some(named)
        }
    }

    fn value(line: &str, key: &str) -> Option<String> {
        let quoted = line.strip_prefix(key)?.trim().strip_prefix('=')?.trim();
        Some(quoted.trim_matches('"').to_owned())
    }

    #[test]
    fn spin_sends_every_path_to_the_same_guest() {
        let triggers = Trigger::all();
        for route in ROUTES {
            let path = route.path.replace(['{', '}'], "");
            let taken = triggers
                .iter()
                .filter_map(|trigger| Some((trigger.names(&path)?, &trigger.component)))
                .max_by_key(|(named, _)| *named);
            let (_, component) = taken.expect("the last trigger takes every path");
            let expected = match of(route) {
                Route::Guest(guest) => guest.name(),
                // The guest there that says what is not, and that it is well.
                _ => Guest::Stores.name(),
            };
            assert_eq!(component, expected, "{path}");
        }
    }
}
