//! Answers.

use dayfly_core::api::ApiError;
use dayfly_core::files::{self, FileMeta};
use futures::SinkExt;
use serde::Serialize;
use spin_sdk::http::{Headers, OutgoingResponse, ResponseOutparam};

use crate::platform::PlatformObjects;
use crate::request_id;

/// An answer, whole or streamed from a file.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Bytes(Vec<u8>),
    /// A file, and its first bytes.
    File(FileMeta, Vec<u8>),
}

impl Reply {
    /// 200 with a JSON body.
    pub fn json(value: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(value).map_err(|fault| {
            ApiError::plain(500, format!("The answer cannot be written: {fault}."))
        })?;
        Ok(Self::bytes(200, "application/json", body))
    }

    /// 200: this server answers.
    pub fn probe() -> Self {
        Self::bytes(200, "application/json", br#"{"status":"ok"}"#.to_vec())
    }

    /// Plain text.
    pub fn text(status: u16, text: &str) -> Self {
        Self::bytes(
            status,
            "text/plain; charset=utf-8",
            text.as_bytes().to_vec(),
        )
    }

    /// An error in OpenAI's shape.
    pub fn error(error: &ApiError) -> Self {
        let mut reply = Self::bytes(
            error.status,
            "application/json",
            error.body().to_string().into_bytes(),
        );
        if let Some(seconds) = error.retry_after_s {
            reply.set_header("retry-after", &seconds.to_string());
        }
        if error.is_final() {
            reply.set_header("x-should-retry", "false");
        }
        reply
    }

    /// 200 with a file's bytes, read and sent piece by piece.
    ///
    /// Errors: those of reading its first piece.
    pub fn file(file: FileMeta, content_type: &str) -> Result<Self, ApiError> {
        let first = files::content(&PlatformObjects, &file, 0..PIECE)?;
        let size = file.bytes;
        Ok(Self::of(
            200,
            content_type,
            size,
            Content::File(file, first),
        ))
    }

    fn bytes(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let length = body.len() as u64;
        Self::of(status, content_type, length, Content::Bytes(body))
    }

    fn of(status: u16, content_type: &str, length: u64, content: Content) -> Self {
        let mut reply = Self {
            status,
            headers: Vec::new(),
            content,
        };
        reply.set_header("content-type", content_type);
        reply.set_header("content-length", &length.to_string());
        reply
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.headers
            .push((name.to_owned(), value.as_bytes().to_vec()));
    }

    /// Sends it. A client that went away is nobody's fault.
    pub async fn send(mut self, out: ResponseOutparam) {
        self.set_header(request_id::HEADER, request_id::get());
        let headers = Headers::from_list(&self.headers).unwrap_or_else(|_| Headers::new());
        let response = OutgoingResponse::new(headers);
        // Every status used is a valid one, so this cannot be refused.
        let _ = response.set_status_code(self.status);
        let mut body = response.take_body();
        out.set(response);
        match self.content {
            Content::Bytes(bytes) => drop(body.send(bytes).await),
            Content::File(file, mut piece) => {
                let mut offset = 0;
                while !piece.is_empty() {
                    offset += piece.len() as u64;
                    if body.send(piece).await.is_err() || offset >= file.bytes {
                        return;
                    }
                    let end = file.bytes.min(offset + PIECE);
                    let Ok(next) = files::content(&PlatformObjects, &file, offset..end) else {
                        // The promised length is not reached, so the client sees the cut.
                        std::process::abort();
                    };
                    piece = next;
                }
            }
        }
    }
}

const PIECE: u64 = 256 * 1024;

/// The answer to a request, success or not.
pub fn from(result: Result<Reply, ApiError>) -> Reply {
    result.unwrap_or_else(|error| Reply::error(&error))
}
