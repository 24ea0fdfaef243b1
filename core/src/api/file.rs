use serde::Serialize;

use crate::files::FileMeta;

/// The purposes that OpenAI's API knows. Dayfly keeps the word and treats all files alike.
pub const PURPOSES: [&str; 6] = [
    "assistants",
    "batch",
    "fine-tune",
    "vision",
    "user_data",
    "evals",
];

/// OpenAI's File object.
#[derive(Debug, Clone, Serialize)]
pub struct FileObject {
    id: String,
    object: &'static str,
    bytes: u64,
    created_at: u64,
    filename: String,
    purpose: String,
    status: &'static str,
    expires_at: Option<u64>,
    status_details: Option<String>,
}

impl From<FileMeta> for FileObject {
    fn from(meta: FileMeta) -> Self {
        Self {
            id: meta.id,
            object: "file",
            bytes: meta.bytes,
            created_at: meta.created_at,
            filename: meta.filename,
            purpose: meta.purpose,
            status: "processed",
            expires_at: None,
            status_details: None,
        }
    }
}
