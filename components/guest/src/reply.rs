//! Answers.

use dayfly_core::api::{ApiError, FRONT_PAGE};
use dayfly_core::decode::TextDecoder;
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
    /// A file's text, its first bytes, and the JSON around it.
    Text(FileMeta, Vec<u8>, [&'static str; 2]),
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

    /// 200: what this server is.
    pub fn front_page() -> Self {
        Self::bytes(
            200,
            "text/html; charset=utf-8",
            FRONT_PAGE.as_bytes().to_vec(),
        )
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

    /// 200 with a file's text as a JSON string between the two pieces of JSON `around`, read and sent piece
    /// by piece.
    ///
    /// Errors: those of reading its first piece.
    pub fn text_of(file: FileMeta, around: [&'static str; 2]) -> Result<Self, ApiError> {
        let first = files::content(&PlatformObjects, &file, 0..PIECE)?;
        let mut reply = Self {
            status: 200,
            headers: Vec::new(),
            content: Content::Text(file, first, around),
        };
        reply.set_header("content-type", "application/json");
        Ok(reply)
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
            Content::File(file, piece) => {
                let _ = send_file(&file, piece, async |piece| body.send(piece).await).await;
            }
            Content::Text(file, piece, [before, after]) => {
                if body.send(before.as_bytes().to_vec()).await.is_err() {
                    return;
                }
                let mut decoder = TextDecoder::new();
                let sent = send_file(&file, piece, async |piece| {
                    body.send(escaped(&mut decoder, &piece)).await
                });
                if sent.await.is_ok() {
                    let _ = body.send(after.as_bytes().to_vec()).await;
                }
            }
        }
    }
}

/// Sends a file's bytes, of which `piece` are the first. What cannot be read ends the instance: what was
/// promised does not come, so the client sees the cut.
async fn send_file<E>(
    file: &FileMeta,
    mut piece: Vec<u8>,
    mut send: impl AsyncFnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut offset = 0;
    while !piece.is_empty() {
        offset += piece.len() as u64;
        send(piece).await?;
        if offset >= file.bytes {
            return Ok(());
        }
        let end = file.bytes.min(offset + PIECE);
        piece = files::content(&PlatformObjects, file, offset..end)
            .unwrap_or_else(|_| std::process::abort());
    }
    Ok(())
}

/// The next piece of a text, as it stands in a JSON string. The file was ingested, so it is a text.
fn escaped(decoder: &mut TextDecoder, piece: &[u8]) -> Vec<u8> {
    let written = decoder
        .push(piece)
        .ok()
        .map(|text| serde_json::to_vec(&text));
    let Some(Ok(mut quoted)) = written else {
        std::process::abort();
    };
    quoted.pop();
    quoted.drain(..1);
    quoted
}

const PIECE: u64 = 256 * 1024;

/// The answer to a request, success or not.
pub fn from(result: Result<Reply, ApiError>) -> Reply {
    result.unwrap_or_else(|error| Reply::error(&error))
}
