//! Request bodies: bounded JSON, streams, a blocking reader.

use std::io::{self, Read};

use dayfly_core::api::{ApiError, Code};
use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use spin_sdk::http::IncomingRequest;
use wasi::io::streams::{InputStream, StreamError};

/// The largest JSON body of the calls that carry no document, in bytes.
const JSON_LIMIT: usize = 1 << 20;

/// The body as JSON of a known shape.
///
/// Errors: 400 for what is not such JSON, 413 past 1 MiB.
pub async fn json<T: DeserializeOwned>(request: IncomingRequest) -> Result<T, ApiError> {
    let bytes = collect(request.into_body_stream(), JSON_LIMIT).await?;
    serde_json::from_slice(&bytes).map_err(|fault| match bytes.is_empty() {
        true => ApiError::invalid_request("The body is empty; send a JSON object."),
        false => ApiError::invalid_request(format!(
            "The body is not the JSON that this request takes: {fault}."
        )),
    })
}

/// As [`json`], where an empty body means the defaults.
pub async fn json_or_default<T: DeserializeOwned + Default>(
    request: IncomingRequest,
) -> Result<T, ApiError> {
    let bytes = collect(request.into_body_stream(), JSON_LIMIT).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes).map_err(|fault| {
        ApiError::invalid_request(format!(
            "The body is not the JSON that this request takes: {fault}."
        ))
    })
}

/// Everything a stream brings, up to `limit` bytes.
pub async fn collect<E>(
    stream: impl Stream<Item = Result<Vec<u8>, E>>,
    limit: usize,
) -> Result<Vec<u8>, ApiError> {
    let mut stream = std::pin::pin!(stream);
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend(piece.map_err(|_| ApiError::cut())?);
        if bytes.len() > limit {
            return Err(ApiError::new(
                Code::TooLarge,
                format!("The body is larger than {limit} bytes, which is the most here."),
            ));
        }
    }
    Ok(bytes)
}

/// The body as a reader, for parsers that pull. Blocks this instance, and no other.
pub struct BodyReader {
    stream: InputStream,
    // Dropped after the stream, as a child resource must be.
    _body: Box<dyn std::any::Any>,
}

const READ_SIZE: u64 = 64 * 1024;

impl BodyReader {
    /// A reader of a request's body.
    pub fn new(request: &IncomingRequest) -> Result<Self, ApiError> {
        let body = request.consume().map_err(|()| ApiError::cut())?;
        let stream = body.stream().map_err(|()| ApiError::cut())?;
        Ok(Self {
            stream,
            _body: Box::new(body),
        })
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let wanted = (buffer.len() as u64).min(READ_SIZE);
        match self.stream.blocking_read(wanted) {
            Ok(piece) if piece.is_empty() => Err(io::ErrorKind::Interrupted.into()),
            Ok(piece) => {
                let target = buffer
                    .get_mut(..piece.len())
                    .ok_or(io::ErrorKind::InvalidData)?;
                target.copy_from_slice(&piece);
                Ok(piece.len())
            }
            Err(StreamError::Closed) => Ok(0),
            Err(StreamError::LastOperationFailed(error)) => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                error.to_debug_string(),
            )),
        }
    }
}
