//! The WebAssembly guests: which there are, and their components.

use std::borrow::Cow;
use std::ops::Deref;

use sha2::{Digest, Sha256};

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

/// A component, as WebAssembly.
#[derive(Clone)]
pub struct Wasm {
    bytes: Cow<'static, [u8]>,
    sha256: Cow<'static, str>,
}

impl Wasm {
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl Deref for Wasm {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for Wasm {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            sha256: format!("{:x}", Sha256::digest(&bytes)).into(),
            bytes: bytes.into(),
        }
    }
}

/// The guests' components.
#[derive(Clone)]
pub struct Guests {
    /// Answers `/v1/files` and `/v1/vector_stores`.
    pub stores: Wasm,
    /// Answers `/upload` and a store's files.
    pub ingest: Wasm,
    /// Answers a store's searches.
    pub search: Wasm,
}

/// What the build made of a guest. Its digest comes from there as well: where a compiled guest is at
/// hand, none of these bytes is ever read, and so none is resident.
macro_rules! built {
    ($name:literal) => {
        Wasm {
            bytes: Cow::Borrowed(include_bytes!(concat!(
                env!("OUT_DIR"),
                "/dayfly_",
                $name,
                ".wasm"
            ))),
            sha256: Cow::Borrowed(include_str!(concat!(
                env!("OUT_DIR"),
                "/dayfly_",
                $name,
                ".sha256"
            ))),
        }
    };
}

impl Guests {
    /// Those that this binary was built with.
    pub fn built_in() -> Self {
        Self {
            stores: built!("stores"),
            ingest: built!("ingest"),
            search: built!("search"),
        }
    }

    pub(crate) fn component(&self, guest: Guest) -> &Wasm {
        match guest {
            Guest::Stores => &self.stores,
            Guest::Ingest => &self.ingest,
            Guest::Search => &self.search,
        }
    }
}
