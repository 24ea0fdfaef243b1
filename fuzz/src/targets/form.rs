//! Forms of uploads: however they come, the outcome is the same, and what was sent is what is kept.

use dayfly_core::api::{ApiError, LONGEST_PURPOSE};
use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_intake::{Form, keep, short};
use futures::{FutureExt, stream};

use super::MIB;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "form",
    run,
    // A file is collected in pieces of a MiB.
    most_bytes: 8 * MIB,
    seeds,
};

/// Bytes of the largest file.
const MOST: u64 = 600;
const BOUNDARY: &str = "------b";

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (kind, piece) = (input.u8(), 1 + usize::from(input.u16()));
    match kind {
        b's' => sent(input, piece),
        _ => {
            let content_type = String::from_utf8_lossy(input.until(0)).into_owned();
            let body = input.rest();
            let outcome = received(&content_type, body, piece);
            assert_eq!(outcome, received(&content_type, body, body.len().max(1)));
        }
    }
}

/// What a form came to.
#[derive(Debug, Default, PartialEq)]
struct Got {
    filename: Option<String>,
    file: Option<Vec<u8>>,
    purpose: Option<Vec<u8>>,
}

/// Takes a body in pieces, as the guest does.
fn received(content_type: &str, body: &[u8], piece: usize) -> Result<Got, ApiError> {
    let pieces: Vec<Vec<u8>> = body.chunks(piece).map(<[u8]>::to_vec).collect();
    let body = stream::iter(pieces.into_iter().map(Ok::<_, ()>));
    let all = async {
        let mut form = Form::of(content_type, body, "file").await?;
        let mut got = Got::default();
        while let Some(field) = form.next().await? {
            match field.name() {
                Some("file") => {
                    got.filename = field.file_name().map(str::to_owned);
                    let objects = MemoryObjects::default();
                    let too_large = || ApiError::plain(413, "too large");
                    let received = keep(field, &objects, "k", MOST, too_large).await?;
                    assert!(received.bytes <= MOST);
                    received.writer.finish()?;
                    got.file = Some(objects.get("k")?);
                }
                Some("purpose") => {
                    let purpose = short(field, LONGEST_PURPOSE).await?;
                    assert!(purpose.len() <= LONGEST_PURPOSE + 1);
                    got.purpose = Some(purpose);
                }
                _ => {}
            }
        }
        Ok(got)
    };
    all.now_or_never().expect("nothing is waited for")
}

/// A good form, of a file that the input names.
fn sent(mut input: Input<'_>, piece: usize) {
    let purpose = input.bytes(LONGEST_PURPOSE);
    let file = &input.rest()[..input.rest().len().min(MOST as usize)];
    let both = [purpose, b" ", file].concat();
    if both
        .windows(BOUNDARY.len())
        .any(|bytes| bytes == BOUNDARY.as_bytes())
    {
        return;
    }
    let got = received(&content_type(), &form(purpose, file), piece).unwrap();
    assert_eq!(got.filename.as_deref(), Some("a.txt"));
    assert_eq!(got.purpose.as_deref(), Some(purpose));
    assert_eq!(got.file.as_deref(), Some(file));
}

fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

fn form(purpose: &[u8], file: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    let of_file = "\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain";
    for (head, content) in [("\"purpose\"", purpose), (of_file, file)] {
        let disposition = "Content-Disposition: form-data; name=";
        form.extend(format!("--{BOUNDARY}\r\n{disposition}{head}\r\n\r\n").into_bytes());
        form.extend([content, b"\r\n"].concat());
    }
    form.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    form
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, piece: u16, content_type: &str, body: &[u8]| {
        let piece = piece.to_le_bytes();
        let parts = [b"r", &piece[..], content_type.as_bytes(), b"\0", body];
        Seed::new(name, parts.concat())
    };
    let good = form(b"assistants", "A naïve text.\r\n--".as_bytes());
    let whole = |name: &str, body: &[u8]| of(name, 30, &content_type(), body);
    vec![
        whole("good", &good),
        whole("cut", &good[..good.len() - 20]),
        whole("long-purpose", &form(&[b'p'; 40], b"x")),
        whole("large", &form(b"batch", &[b'x'; 700])),
        whole("empty", format!("--{BOUNDARY}--").as_bytes()),
        of("quoted", 1, "Multipart/Form-Data; charset=x; boundary=\"b b\"", b"--b b\r\n\r\nx\r\n--b b--"),
        of("star", 9, "multipart/form-data; boundary=b",
            b"--b\r\ncontent-disposition: form-data; name*=UTF-8''file; filename*=UTF-8''%e2%82%ac\r\n\r\nx\r\n--b--"),
        of("no-form", 5, "application/json", b"{}"),
        Seed::new("sent", b"s\x02\x00assistantsA text.\r\n------"),
    ]
}
