//! Request bodies: bounded JSON, streams, a blocking reader.

use std::io::{self, Read};

use dayfly_core::api::{ApiError, Code, from_json};
use dayfly_intake::{Encoding, Pieces};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use spin_sdk::http::IncomingRequest;
use wasi::io::streams::{InputStream, StreamError};

/// The largest JSON body of the calls that carry no document, in bytes.
const JSON_LIMIT: usize = 1 << 20;

/// The most bytes of a refused body that are read.
const DRAINED: u64 = 64 << 20;

/// The body as JSON of a known shape.
///
/// Errors: 400 for what is not such JSON, which names the field at fault; 413 past 1 MiB.
pub async fn json<T: DeserializeOwned>(request: IncomingRequest) -> Result<T, ApiError> {
    json_up_to(request, JSON_LIMIT).await
}

/// As [`json`], of a body of at most `limit` bytes.
pub async fn json_up_to<T: DeserializeOwned>(
    request: IncomingRequest,
    limit: usize,
) -> Result<T, ApiError> {
    let bytes = collect(request, limit).await?;
    match bytes.is_empty() {
        true => Err(ApiError::invalid_request(
            "The body is empty; send a JSON object.",
        )),
        false => from_json(&bytes),
    }
}

/// As [`json`], where an empty body means the defaults.
pub async fn json_or_default<T: DeserializeOwned + Default>(
    request: IncomingRequest,
) -> Result<T, ApiError> {
    let bytes = collect(request, JSON_LIMIT).await?;
    match bytes.is_empty() {
        true => Ok(T::default()),
        false => from_json(&bytes),
    }
}

/// Everything of a body, up to `limit` bytes.
async fn collect(request: IncomingRequest, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut body = stream(request)?;
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend(piece.map_err(|fault| broken(&fault))?);
        if bytes.len() > limit {
            return Err(ApiError::new(
                Code::TooLarge,
                format!("The body is larger than {limit} bytes, which is the most here."),
            ));
        }
    }
    Ok(bytes)
}

/// A body, piece by piece, as it was before it was compressed.
///
/// Errors: 415 for an encoding that is not known.
pub fn stream(request: IncomingRequest) -> Result<Body, ApiError> {
    match encoding(&request)? {
        Encoding::Identity => {
            let pieces = request.into_body_stream();
            Ok(pieces.map_err(|_| cut()).boxed())
        }
        _ => Ok(futures::stream::iter(Pieces::of(reader(&request)?)).boxed()),
    }
}

/// See [`stream`].
pub type Body = BoxStream<'static, io::Result<Vec<u8>>>;

/// A body as a reader, for parsers that pull, as it was before it was compressed. Blocks this instance,
/// and no other.
///
/// Errors: 415 for an encoding that is not known, 400 for what is not of the one that is named.
pub fn reader(request: &IncomingRequest) -> Result<Box<dyn Read + Send>, ApiError> {
    let encoding = encoding(request)?;
    let body = BodyReader::new(request)?;
    encoding.decode(body).map_err(|fault| broken(&fault))
}

/// Reads what is left of a body that is refused, and keeps nothing of it, so that a client which sends all
/// before it reads learns why.
pub fn drain(reader: &mut dyn Read) {
    // What is longer, or cannot be read, is answered all the same.
    let _ = io::copy(&mut reader.take(DRAINED), &mut io::sink());
}

fn encoding(request: &IncomingRequest) -> Result<Encoding, ApiError> {
    let headers = request.headers().entries();
    let named = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
    let named = named.map(|(_, value)| String::from_utf8_lossy(value));
    Encoding::parse(named.as_deref())
}

fn cut() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn broken(fault: &io::Error) -> ApiError {
    match fault.kind() {
        io::ErrorKind::ConnectionAborted => ApiError::cut(),
        _ => ApiError::invalid_request(format!(
            "The body is not what its header 'content-encoding' says: {fault}."
        )),
    }
}

struct BodyReader {
    stream: InputStream,
    // Dropped after the stream, as a child resource must be.
    _body: Box<dyn std::any::Any + Send>,
}

const READ_SIZE: u64 = 64 * 1024;

impl BodyReader {
    fn new(request: &IncomingRequest) -> Result<Self, ApiError> {
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
