//! Multipart forms, read as they arrive. What a form's file becomes is the caller's.

use dayfly_core::api::{ApiError, Code};
use dayfly_core::objects::{ObjectWriter, Objects};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use multer::{Field, Multipart};

/// What is collected before it goes to the storage.
const PIECE: usize = 1 << 20;
/// The dashes around a boundary and the line's end after it.
const BOUNDARY_MARKS: usize = 6;

/// A multipart form, read while it arrives.
pub struct Form(Multipart<'static>);

/// Bytes that have arrived whole and are no object yet; dropped, they leave nothing behind.
pub struct Received {
    /// The object in the making.
    pub writer: Box<dyn ObjectWriter>,
    /// How many.
    pub bytes: u64,
}

impl Form {
    /// The form that a body of this content type carries; a document is expected in the field
    /// `wanted`.
    ///
    /// Errors: 415 where it carries something else.
    pub async fn of<E: Send + 'static>(
        content_type: &str,
        body: impl Stream<Item = Result<Vec<u8>, E>> + Unpin + Send + 'static,
        wanted: &str,
    ) -> Result<Self, ApiError> {
        let boundary =
            multer::parse_boundary(content_type).map_err(|_| not_a_form(content_type, wanted))?;
        let stream = begun(body, boundary.len() + BOUNDARY_MARKS).await;
        Ok(Self(Multipart::new(stream, boundary)))
    }

    /// The next field; what is left of the one before is passed over. `None` at the end.
    ///
    /// Errors: 400 for what is no form, or ends too soon.
    pub async fn next(&mut self) -> Result<Option<Field<'static>>, ApiError> {
        self.0.next_field().await.map_err(malformed)
    }
}

/// Streams a field into an object in the making; `too_large` is the error past `most` bytes.
///
/// Errors: that one, 400 as [`Form::next`], and whatever the storage answers.
pub async fn keep(
    mut field: Field<'static>,
    objects: &dyn Objects,
    key: &str,
    most: u64,
    too_large: impl Fn() -> ApiError,
) -> Result<Received, ApiError> {
    let mut writer = objects.create(key)?;
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
///
/// Errors: 400 as [`Form::next`].
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
        Code::UnsupportedMediaType,
        format!(
            "The content type is '{content_type}'; send the file as 'multipart/form-data' in the \
             field '{wanted}' (with curl: -F {wanted}=@document.txt)."
        ),
    )
}

fn malformed(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(_) => ApiError::cut(),
        other => ApiError::invalid_request(format!("The form is malformed: {other}.")),
    }
}

#[cfg(test)]
mod tests {
    use dayfly_core::objects::MemoryObjects;
    use futures::FutureExt;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=b";
    const FORM: &str = "--b\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nassistants\
        \r\n--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nA \r\n-\
        \r\n--b--\r\n";

    /// The purpose and the file of a form that comes in pieces.
    fn received(form: &str, piece: usize, most: u64) -> Result<(Vec<u8>, Vec<u8>), ApiError> {
        let pieces: Vec<_> = form.as_bytes().chunks(piece).map(<[u8]>::to_vec).collect();
        let body = stream::iter(pieces.into_iter().map(Ok::<_, ()>));
        let objects = MemoryObjects::default();
        let all = async {
            let mut form = Form::of(TYPE, body, "file").await?;
            let mut purpose = Vec::new();
            while let Some(field) = form.next().await? {
                if field.name() == Some("purpose") {
                    purpose = short(field, 3).await?;
                    continue;
                }
                let too_large = || ApiError::plain(413, "");
                let received = keep(field, &objects, "k", most, too_large).await?;
                assert_eq!(received.bytes, received.writer.finish()?);
            }
            Ok::<_, ApiError>(purpose)
        };
        let purpose = all.now_or_never().expect("nothing is waited for")?;
        Ok((purpose, objects.get("k").unwrap_or_default()))
    }

    #[test]
    fn a_form_is_the_same_however_it_comes() {
        for piece in 1..FORM.len() {
            let (purpose, file) = received(FORM, piece, 5).unwrap();
            assert_eq!(purpose, b"assi", "{piece}");
            assert_eq!(file, b"A \r\n-", "{piece}");
        }
    }

    #[test]
    fn what_is_too_large_cut_or_no_form_is_refused() {
        assert_eq!(received(FORM, 7, 4).unwrap_err().status, 413);
        for end in [FORM.len() - 8, 100, 10, 1, 0] {
            assert_eq!(
                received(&FORM[..end], 7, 5).unwrap_err().status,
                400,
                "{end}"
            );
        }
        for (content_type, status) in [("text/plain", 415), ("multipart/form-data", 400)] {
            let body = stream::iter([Ok::<_, ()>(Vec::new())]);
            let form = Form::of(content_type, body, "file").now_or_never();
            let Some(Err(error)) = form else {
                panic!("{content_type} was taken");
            };
            assert_eq!(error.status, status);
        }
    }
}
