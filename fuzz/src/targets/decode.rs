//! Uploaded bytes as text: however they are cut, the outcome is that of the whole.

use dayfly_core::decode::{DecodeError, TextDecoder, sniff};

use super::MIB;
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "decode",
    run,
    most_bytes: 2 * MIB,
    seeds,
};

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (first, then) = (input.u8() as usize, input.u8() as usize + 1);
    let file = input.rest();
    let whole = decoded(file, file.len(), 1);
    assert_eq!(decoded(file, first, then), whole);
    assert_eq!(whole, expected(file));
    match sniff("a.md\n", Some("text/plain; charset=x"), file) {
        Ok(_) => {}
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            // What is text all over is refused for its kind alone.
            assert!(whole.is_err() || is_document(&error.detected), "{error}");
        }
    }
}

fn is_document(detected: &str) -> bool {
    ["PDF", "rtf", "ps"]
        .iter()
        .any(|kind| detected.contains(kind))
}

/// The text of a file that comes in pieces, the first of `first` bytes, the others of `then`.
fn decoded(file: &[u8], first: usize, then: usize) -> Result<String, DecodeError> {
    let mut decoder = TextDecoder::new();
    let (head, rest) = file.split_at(first.min(file.len()));
    let mut text = String::new();
    for piece in std::iter::once(head).chain(rest.chunks(then)) {
        text += &decoder.push(piece)?;
    }
    assert!(matches!(decoder.mark_bytes(), 0 | 3));
    decoder.finish()?;
    Ok(text)
}

/// As it is documented, in the plainest way.
fn expected(file: &[u8]) -> Result<String, DecodeError> {
    let other = match file {
        [0xff, 0xfe, 0, 0, ..] => Some("UTF-32LE"),
        [0, 0, 0xfe, 0xff, ..] => Some("UTF-32BE"),
        [0xff, 0xfe, ..] => Some("UTF-16LE"),
        [0xfe, 0xff, ..] => Some("UTF-16BE"),
        _ => None,
    };
    if let Some(encoding) = other {
        return Err(DecodeError::OtherEncoding { encoding });
    }
    let zero = file.iter().position(|byte| *byte == 0);
    let fault = std::str::from_utf8(file)
        .err()
        .map(|error| error.valid_up_to());
    match (zero, fault) {
        (Some(zero), fault) if fault.is_none_or(|fault| zero < fault) => {
            Err(DecodeError::NotText {
                offset: zero as u64,
            })
        }
        (_, Some(fault)) => Err(DecodeError::InvalidUtf8 {
            offset: fault as u64,
        }),
        (_, None) => {
            let text = std::str::from_utf8(file).unwrap();
            Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
        }
    }
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, file: &[u8]| Seed::new(name, [&[2, 1][..], file].concat());
    vec![
        of("empty", b""),
        of("text", "A naïve 😀 text.\n".as_bytes()),
        of("mark", b"\xef\xbb\xbfmarked"),
        of("two-marks", b"\xef\xbb\xbf\xef\xbb\xbf"),
        of("latin-1", b"na\xefve"),
        of("cut", b"na\xc3"),
        of("zero", b"a\0b\xff"),
        of("utf-16", b"\xff\xfea\0b\0"),
        of("utf-32", b"\0\0\xfe\xff\0\0\0a"),
        of("surrogate", b"\xed\xa0\x80"),
        of("pdf", b"%PDF-1.7\n"),
        of("zip", b"PK\x03\x04\x14\0\0\0"),
        of("rtf", b"{\\rtf1\\ansi}"),
    ]
}
