//! Stores out to, and in from, other programs: FAISS with its texts, LangChain's folders, Arrow.

mod arrow;
mod chunk;
mod export;
mod folder;
mod format;
mod import;
mod join;
mod langchain;
mod source;
mod texts;

use std::path::{Path, PathBuf};

use dayfly_core::api::ApiError;
use dayfly_core::files::FileError;
use dayfly_core::pending::PendingError;
use dayfly_core::segment::SegmentError;
use dayfly_core::store::StoreError;
use thiserror::Error;

pub use export::{Exported, export};
pub use format::Format;
pub use import::{Imported, Importer};

/// The index of either folder.
const INDEX: &str = "index.faiss";
/// The texts beside a FAISS index, a JSON object a line.
const TEXTS: &str = "texts.jsonl";
/// The documents beside LangChain's.
const PICKLE: &str = "index.pkl";
/// The rows for Arrow readers.
const ROWS: &str = "rows.arrow";

/// Why nothing came out or in; the texts say what to do.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is to be imported does not fit together, or not the store.
    #[error("{0}")]
    Unusable(String),
    /// LangChain's documents cannot be read.
    #[error("{PICKLE}: {0}")]
    Pickle(#[from] dayfly_langchain::PickleError),
    /// The store, or its storage, refuses.
    #[error(transparent)]
    Store(#[from] ApiError),
    /// The index cannot be built, read or written.
    #[error("{INDEX}: {0}")]
    Index(#[from] crate::confined::Failure),
}

impl From<SegmentError> for ExchangeError {
    fn from(error: SegmentError) -> Self {
        Self::Store(error.into())
    }
}

impl From<FileError> for ExchangeError {
    fn from(error: FileError) -> Self {
        Self::Store(error.into())
    }
}

impl From<StoreError> for ExchangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<PendingError> for ExchangeError {
    fn from(error: PendingError) -> Self {
        Self::Store(error.into())
    }
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> ExchangeError + '_ {
    move |source| ExchangeError::File {
        path: path.to_owned(),
        source,
    }
}
