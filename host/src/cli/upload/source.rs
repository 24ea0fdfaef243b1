//! Streams texts into requests: a chunk at a time, whatever their size.

use futures::TryStreamExt;
use reqwest::Body;
use reqwest::multipart::Part;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::io::ReaderStream;

use super::super::client::ClientError;
use super::super::folder::Chosen;
use super::progress::FileBar;

const CHUNK: usize = 64 * 1024;

/// Where a text comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    File(Chosen),
    /// Standard input, and what to call it.
    Stdin(String),
}

impl Source {
    /// What the server calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::File(file) => &file.name,
            Self::Stdin(name) => name,
        }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self {
            Self::File(file) => file.path.display().to_string(),
            Self::Stdin(_) => "-".to_owned(),
        }
    }

    /// Its length, where that is known before it is read.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.bytes),
            Self::Stdin(_) => None,
        }
    }
}

/// A file as part of a request, read while it is sent. What is appended meanwhile is left out.
///
/// # Errors
/// [`ClientError::File`] when it cannot be opened.
pub async fn file(file: &Chosen, bar: &FileBar) -> Result<Part, ClientError> {
    let failed = |source| ClientError::File {
        path: file.path.clone(),
        source,
    };
    let opened = tokio::fs::File::open(&file.path).await.map_err(failed)?;
    let bytes = opened.metadata().await.map_err(failed)?.len();
    let part = Part::stream_with_length(body(opened.take(bytes), bar), bytes);
    Ok(part.file_name(file.name.clone()))
}

/// Standard input as part of a request, read while it is sent.
pub fn stdin(name: &str, bar: &FileBar) -> Part {
    Part::stream(body(tokio::io::stdin(), bar)).file_name(name.to_owned())
}

fn body(reader: impl AsyncRead + Send + 'static, bar: &FileBar) -> Body {
    let bar = bar.clone();
    let stream = ReaderStream::with_capacity(reader, CHUNK);
    Body::wrap_stream(stream.inspect_ok(move |chunk| bar.sent(chunk.len())))
}
