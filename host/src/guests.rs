//! The WebAssembly guests: which there are, and their components.

use std::borrow::Cow;

/// One of the guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guest {
    /// Files and vector stores.
    Stores,
    /// Uploads and their indexing.
    Ingest,
    /// Queries.
    Search,
}

impl Guest {
    /// All of them; the position is the guest's [`Guest::index`].
    pub const ALL: [Self; 3] = [Self::Stores, Self::Ingest, Self::Search];

    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stores => "stores",
            Self::Ingest => "ingest",
            Self::Search => "search",
        }
    }

    /// Its position in [`Guest::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

/// The guests' components, as WebAssembly.
#[derive(Clone)]
pub struct Guests {
    /// Answers `/v1/files` and `/v1/vector_stores`.
    pub stores: Cow<'static, [u8]>,
    /// Answers `/upload` and a store's files.
    pub ingest: Cow<'static, [u8]>,
    /// Answers a store's searches.
    pub search: Cow<'static, [u8]>,
}

impl Guests {
    /// Those that this binary was built with.
    pub fn built_in() -> Self {
        Self {
            stores: Cow::Borrowed(include_bytes!(concat!(
                env!("OUT_DIR"),
                "/dayfly_stores.wasm"
            ))),
            ingest: Cow::Borrowed(include_bytes!(concat!(
                env!("OUT_DIR"),
                "/dayfly_ingest.wasm"
            ))),
            search: Cow::Borrowed(include_bytes!(concat!(
                env!("OUT_DIR"),
                "/dayfly_search.wasm"
            ))),
        }
    }

    /// The same component for all three.
    pub fn same(component: impl Into<Cow<'static, [u8]>>) -> Self {
        let component = component.into();
        Self {
            stores: component.clone(),
            ingest: component.clone(),
            search: component,
        }
    }

    pub(crate) fn component(&self, guest: Guest) -> &[u8] {
        match guest {
            Guest::Stores => &self.stores,
            Guest::Ingest => &self.ingest,
            Guest::Search => &self.search,
        }
    }
}
