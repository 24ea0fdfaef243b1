use dayfly_core::error::ApiError;
use dayfly_core::objects::{ObjectWriter, Objects};
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::platform::PlatformObjects;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use multer::{Field, Multipart};
use spin_sdk::http::IncomingRequest;

/// What is collected before it goes to the storage.
const PIECE: usize = 1 << 20;
/// The dashes around a boundary and the line's end after it.
const BOUNDARY_MARKS: usize = 6;

/// A multipart form, read while it arrives.
pub struct Form(Multipart<'static>);

/// Bytes that have arrived whole and are no object yet; dropped, they leave nothing behind.
pub struct Received {
    pub writer: Box<dyn ObjectWriter>,
    pub bytes: u64,
}

impl Form {
    /// The form that a request carries; its bytes are expected in the field `wanted`.
    ///
    /// Errors: 415 where it carries something else.
    pub async fn of(call: &Call, request: IncomingRequest, wanted: &str) -> Result<Self, ApiError> {
        let content_type = call.header("content-type").unwrap_or_default();
        let boundary =
            multer::parse_boundary(&content_type).map_err(|_| not_a_form(&content_type, wanted))?;
        let boundary_bytes = boundary.len() + BOUNDARY_MARKS;
        let stream = begun(request.into_body_stream(), boundary_bytes).await;
        Ok(Self(Multipart::new(stream, boundary)))
    }

    pub async fn next(&mut self) -> Result<Option<Field<'static>>, ApiError> {
        self.0.next_field().await.map_err(malformed)
    }
}

/// Streams a field into an object in the making; `too_large` is the error past `most` bytes.
pub async fn keep(
    mut field: Field<'static>,
    key: &str,
    most: u64,
    too_large: impl Fn() -> ApiError,
) -> Result<Received, ApiError> {
    let mut writer = PlatformObjects.create(key)?;
    let mut bytes = 0;
    let mut piece = Vec::with_capacity(PIECE);
    while let Some(arrived) = field.chunk().await.map_err(malformed)? {
        bytes += arrived.len() as u64;
        if bytes > most {
            return Err(too_large());
        }
        piece.extend_from_slice(&arrived);
        if piece.len() >= PIECE {
            writer.write(&piece)?;
            piece.clear();
        }
    }
    writer.write(&piece)?;
    Ok(Received { writer, bytes })
}

/// A short field; what is longer than `longest` bytes comes cut after the next one.
pub async fn short(mut field: Field<'static>, longest: usize) -> Result<Vec<u8>, ApiError> {
    let mut given: Vec<u8> = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(malformed)? {
        let room = (longest + 1).saturating_sub(given.len());
        given.extend(bytes.iter().take(room));
    }
    Ok(given)
}

/// The stream with its first bytes, `least` of them, in one piece: multer takes a body for cut off
/// whose first boundary and end arrive together after a wait.
async fn begun<E>(
    stream: impl Stream<Item = Result<Vec<u8>, E>> + Unpin,
    least: usize,
) -> impl Stream<Item = std::io::Result<Vec<u8>>> {
    let mut stream = stream.map_err(|_| std::io::Error::other("cut"));
    let mut first: std::io::Result<Vec<u8>> = Ok(Vec::new());
    while let Ok(bytes) = &mut first {
        match stream.next().await {
            Some(Ok(piece)) => bytes.extend(piece),
            Some(Err(fault)) => first = Err(fault),
            None => break,
        }
        if first.as_ref().is_ok_and(|bytes| bytes.len() >= least) {
            break;
        }
    }
    stream::iter([first]).chain(stream)
}

fn not_a_form(content_type: &str, wanted: &str) -> ApiError {
    if content_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("multipart/form-data")
    {
        return ApiError::invalid_request(
            "The content type 'multipart/form-data' lacks its boundary; let your client set the header.",
        );
    }
    ApiError::new(
        415,
        format!(
            "The content type is '{content_type}'; send the file as 'multipart/form-data' in the \
             field '{wanted}' (with curl: -F {wanted}=@document.txt)."
        ),
    )
    .code("unsupported_media_type")
}

fn malformed(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(_) => body::cut(),
        other => ApiError::invalid_request(format!("The form is malformed: {other}.")),
    }
}
