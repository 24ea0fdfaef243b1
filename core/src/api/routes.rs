//! The table of routes: which paths there are, what each does by method, and who answers it. The front,
//! the guests and the check of `spin.toml` go by it. What an operation does is not here.

mod table;

pub use table::ROUTES;

/// A path, and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its segments, in which `{name}` stands for any: `/v1/files/{file}`.
    pub path: &'static str,
    /// What it does by method. At least one, all by the same [`Server`].
    pub operations: &'static [(Verb, Operation)],
}

/// A method that some route has. `HEAD` is none: it asks for what `GET` does, and gets no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
    /// `DELETE`.
    Delete,
}

impl Verb {
    /// Its name in HTTP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// The guest for files and vector stores.
    Stores,
    /// The guest that ingests.
    Ingest,
    /// The guest that searches.
    Search,
    /// The host itself. Elsewhere nobody does, or another server.
    Host,
}

/// What a request asks for, by who answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Of the guest for files and vector stores.
    Stores(StoresOperation),
    /// Of the guest that ingests.
    Ingest(IngestOperation),
    /// A search, the one thing that its guest does.
    Search,
    /// Of the host.
    Host(HostOperation),
}

/// What the guest for files and vector stores does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its route in the table")]
pub enum StoresOperation {
    ListFiles,
    CreateFile,
    GetFile,
    DeleteFile,
    FileContent,
    CreateUpload,
    AddPart,
    CompleteUpload,
    CancelUpload,
    ListStores,
    CreateStore,
    GetStore,
    UpdateStore,
    DeleteStore,
    GetRebuild,
    RequestRebuild,
}

/// What the guest that ingests does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its route in the table")]
pub enum IngestOperation {
    Upload,
    ListStoreFiles,
    AttachFile,
    GetStoreFile,
    UpdateStoreFile,
    DetachFile,
    StoreFileContent,
    ProcessStoreFile,
    CreateBatch,
    GetBatch,
    CancelBatch,
    ListBatchFiles,
}

/// What the host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is its route in the table")]
pub enum HostOperation {
    Embed,
    ListModels,
    GetModel,
    SearchIndex,
    GetUsage,
    GetUsageOfAll,
    GetFrontPage,
    GetHealth,
    GetReadiness,
    GetMetrics,
}

impl Operation {
    /// Whether it changes nothing, so that who may read may ask for it: searches, and what `GET` asks for.
    pub fn only_reads(self) -> bool {
        let by_get = |route: &Route| route.operations.contains(&(Verb::Get, self));
        matches!(self, Self::Search | Self::Host(HostOperation::SearchIndex))
            || ROUTES.iter().any(by_get)
    }

    /// Who answers.
    pub fn server(self) -> Server {
        match self {
            Self::Stores(_) => Server::Stores,
            Self::Ingest(_) => Server::Ingest,
            Self::Search => Server::Search,
            Self::Host(_) => Server::Host,
        }
    }
}

impl Route {
    /// Who answers, whatever the method.
    pub fn server(&self) -> Server {
        let first = self.operations.first();
        first.map_or(Server::Host, |(_, operation)| operation.server())
    }

    /// What a method asks for; `None` where this path does not have it.
    pub fn operation(&self, method: &str) -> Option<Operation> {
        let method = match method {
            "HEAD" => Verb::Get.name(),
            method => method,
        };
        let mut operations = self.operations.iter();
        let found = operations.find(|(verb, _)| verb.name() == method);
        found.map(|(_, operation)| *operation)
    }

    /// The methods that this path has, for people: `GET, POST or DELETE`.
    pub fn methods(&self) -> String {
        let names: Vec<&str> = self
            .operations
            .iter()
            .map(|(verb, _)| verb.name())
            .collect();
        match names.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }

    /// What stands in the place of each `{name}`, where the path is one of this route's.
    pub fn matches<'a>(&self, segments: &[&'a str]) -> Option<Vec<&'a str>> {
        let pattern = self.path.trim_start_matches('/').split('/');
        if pattern.clone().count() != segments.len() {
            return None;
        }
        let mut parameters = Vec::new();
        for (wanted, segment) in pattern.zip(segments) {
            match wanted.starts_with('{') {
                true => parameters.push(*segment),
                false if wanted == *segment => {}
                false => return None,
            }
        }
        Some(parameters)
    }
}

/// The route of a path, by its segments, and what stands in the place of each `{name}`.
pub fn find<'a>(segments: &[&'a str]) -> Option<(&'static Route, Vec<&'a str>)> {
    ROUTES
        .iter()
        .find_map(|route| Some((route, route.matches(segments)?)))
}

/// The path of what is done in one place only.
pub fn path_of(operation: Operation) -> &'static str {
    let does = |route: &&Route| route.operations.iter().any(|(_, one)| *one == operation);
    ROUTES.iter().find(does).map_or("", |route| route.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_route_and_one_server() {
        for route in ROUTES {
            let filled: Vec<&str> = route.path[1..]
                .split('/')
                .map(|segment| {
                    if segment.starts_with('{') {
                        "x"
                    } else {
                        segment
                    }
                })
                .collect();
            let fits = |other: &&Route| other.matches(&filled).is_some();
            assert_eq!(ROUTES.iter().filter(fits).count(), 1, "{}", route.path);
            for (_, operation) in route.operations {
                assert_eq!(operation.server(), route.server(), "{}", route.path);
            }
            assert!(!route.operations.is_empty(), "{}", route.path);
        }
    }

    #[test]
    fn what_is_called_search_does_not_make_a_deletion_a_search() {
        let (route, _) = find(&["v1", "vector_stores", "search"]).unwrap();
        assert!(!route.operation("DELETE").unwrap().only_reads());
        assert!(route.operation("GET").unwrap().only_reads());
        let (route, _) = find(&["v1", "vector_stores", "a", "search"]).unwrap();
        assert!(route.operation("POST").unwrap().only_reads());
    }

    #[test]
    fn parameters_are_what_stands_in_their_place() {
        let (route, parameters) =
            find(&["v1", "vector_stores", "vs_1", "files", "search"]).unwrap();
        assert_eq!(route.path, "/v1/vector_stores/{store}/files/{file}");
        assert_eq!(parameters, ["vs_1", "search"]);
        assert_eq!(route.methods(), "GET, POST or DELETE");
        assert_eq!(
            route.operation("DELETE"),
            Some(Operation::Ingest(IngestOperation::DetachFile))
        );
        assert_eq!(route.operation("HEAD"), route.operation("GET"));
        assert_eq!(route.operation("PUT"), None);
        assert!(find(&["v1", "vector_stores", "vs_1", "other"]).is_none());
        assert!(find(&[]).is_none());
    }

    #[test]
    fn the_page_on_the_api_has_every_path() {
        let page = include_str!("../../../docs/api.md");
        for route in ROUTES {
            // The page names what has parameters by its start.
            let fixed = route.path.split("/{").next().unwrap();
            assert!(page.contains(fixed), "{}", route.path);
        }
    }
}
