use dayfly_core::api::{FileObject, PURPOSES};
use dayfly_core::error::ApiError;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::ids;
use dayfly_core::objects::{ObjectWriter, Objects};
use dayfly_guest::body;
use dayfly_guest::call::Call;
use dayfly_guest::clock;
use dayfly_guest::platform::{PlatformObjects, settings};
use dayfly_guest::reply::Reply;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use multer::{Field, Multipart};
use spin_sdk::http::IncomingRequest;

const DEFAULT_PURPOSE: &str = "assistants";
/// What is collected before it goes to the storage.
const PIECE: usize = 1 << 20;
/// The dashes around a boundary and the line's end after it.
const BOUNDARY_MARKS: usize = 6;
const LONGEST_FILENAME: usize = 512;

/// A file whose bytes have arrived; it exists once it is finished and described.
struct Received {
    writer: Box<dyn ObjectWriter>,
    bytes: u64,
    filename: String,
    content_type: Option<String>,
}

/// Streams an upload to storage. Nothing of it stays unless all of it arrived.
pub async fn receive(call: &Call, request: IncomingRequest) -> Result<Reply, ApiError> {
    let content_type = call.header("content-type").unwrap_or_default();
    let boundary =
        multer::parse_boundary(&content_type).map_err(|_| not_multipart(&content_type))?;
    let boundary_bytes = boundary.len() + BOUNDARY_MARKS;
    let stream = begun(request.into_body_stream(), boundary_bytes).await;
    let mut multipart = Multipart::new(stream, boundary);
    let now_ms = clock::now_ms();
    let id = ids::time_ordered(ids::FILE_PREFIX, now_ms, clock::random());
    let mut received: Option<Received> = None;
    let mut purpose = DEFAULT_PURPOSE.to_owned();
    while let Some(field) = multipart.next_field().await.map_err(malformed)? {
        match field.name() {
            Some("file") if received.is_some() => return Err(one_file()),
            Some("file") => received = Some(store(&files::content_key(&id), field).await?),
            Some("purpose") => purpose = parse_purpose(field).await?,
            _ => {}
        }
    }
    let received = received.ok_or_else(one_file)?;
    if received.bytes == 0 {
        return Err(
            ApiError::invalid_request("The file is empty; send one with text in it.").param("file"),
        );
    }
    received.writer.finish()?;
    let meta = FileMeta {
        id,
        bytes: received.bytes,
        created_at: now_ms / 1_000,
        filename: received.filename,
        purpose,
        content_type: received.content_type,
    };
    files::write(&PlatformObjects, &meta)?;
    Reply::json(&FileObject::from(meta))
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

async fn store(key: &str, mut field: Field<'static>) -> Result<Received, ApiError> {
    let most = settings().max_file_bytes;
    let mut received = Received {
        writer: PlatformObjects.create(key)?,
        bytes: 0,
        filename: filename(&field),
        content_type: field.content_type().map(ToString::to_string),
    };
    let mut piece = Vec::with_capacity(PIECE);
    while let Some(bytes) = field.chunk().await.map_err(malformed)? {
        received.bytes += bytes.len() as u64;
        if received.bytes > most {
            return Err(too_large(most));
        }
        piece.extend_from_slice(&bytes);
        if piece.len() >= PIECE {
            received.writer.write(&piece)?;
            piece.clear();
        }
    }
    received.writer.write(&piece)?;
    Ok(received)
}

fn filename(field: &Field<'_>) -> String {
    let given = field.file_name().unwrap_or("upload.txt");
    let printable = given.chars().filter(|letter| !letter.is_control());
    printable.take(LONGEST_FILENAME).collect()
}

async fn parse_purpose(mut field: Field<'static>) -> Result<String, ApiError> {
    let longest = PURPOSES
        .iter()
        .map(|known| known.len())
        .max()
        .unwrap_or_default();
    let mut given: Vec<u8> = Vec::new();
    while let Some(bytes) = field.chunk().await.map_err(malformed)? {
        let room = (longest + 1).saturating_sub(given.len());
        given.extend(bytes.iter().take(room));
    }
    let known = PURPOSES
        .iter()
        .find(|known| known.as_bytes() == given.as_slice());
    known.map(|known| (*known).to_owned()).ok_or_else(|| {
        ApiError::invalid_request(format!("'purpose' takes one of: {}.", PURPOSES.join(", ")))
            .param("purpose")
    })
}

fn not_multipart(content_type: &str) -> ApiError {
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
             field 'file' (with curl: -F file=@document.txt)."
        ),
    )
    .code("unsupported_media_type")
}

fn one_file() -> ApiError {
    ApiError::invalid_request("Send exactly one file, in the form's field 'file'.").param("file")
}

fn too_large(most: u64) -> ApiError {
    ApiError::new(
        413,
        format!("The file is larger than {most} bytes, which is the most here; send it in smaller files."),
    )
    .param("file")
    .code("too_large")
}

fn malformed(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(_) => body::cut(),
        other => ApiError::invalid_request(format!("The form is malformed: {other}.")),
    }
}
