//! OpenAI's Files and Vector Stores API: the shapes of its requests and answers, and what errors are in
//! it. The only place of `core` that knows HTTP's statuses.

mod batch;
mod causes;
mod code;
mod error;
mod file;
mod index_search;
mod json;
mod page;
mod rebuild;
pub mod routes;
mod search;
mod store;
mod store_file;
mod upload;

pub use batch::{BatchObject, CreateBatch};
pub use code::Code;
pub use error::ApiError;
pub use file::{FileObject, LONGEST_PURPOSE, purpose, validate_expiry};
pub use index_search::{IndexHit, IndexHits, IndexQuery};
pub use json::from_json;
pub use page::{Order, Page, PageRequest};
pub use rebuild::{IndexObject, RebuildObject, RebuildRequest, RebuildStatus};
pub use search::{SearchChunk, SearchPage, SearchRequest, SearchResult, TextContent};
pub use store::{CreateStore, FileCounts, StoreObject, UpdateStore};
pub use store_file::{AttachFile, CONTENT_PAGE, StoreFileObject, Treatment, UpdateAttributes};
pub use upload::{CompleteUpload, CreateUpload, PartObject, UploadObject};

use serde::Serialize;

/// `GET /`, for whoever opens the address in a browser: an HTML page that says what answers there.
pub const FRONT_PAGE: &str = include_str!("front_page.html");

/// The answer to a deletion.
#[derive(Debug, Clone, Serialize)]
pub struct Deleted {
    /// What was deleted.
    pub id: String,
    /// `file`, `vector_store.deleted` or `vector_store.file.deleted`.
    pub object: &'static str,
    /// Always true.
    pub deleted: bool,
}

impl Deleted {
    /// The answer for `id`.
    pub fn new(id: &str, object: &'static str) -> Self {
        Self {
            id: id.to_owned(),
            object,
            deleted: true,
        }
    }
}
