//! From uploaded bytes to text: what kind of file it is, and its UTF-8.

mod sniff;

use std::borrow::Cow;

use thiserror::Error;

pub use self::sniff::{Unsupported, sniff};

/// Bytes that are not the UTF-8 text that they have to be; another file has to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A sequence of bytes that is not UTF-8.
    #[error(
        "The file is not valid UTF-8 at byte {offset}: convert it to UTF-8, for example with `iconv -f LATIN1 -t UTF-8`."
    )]
    InvalidUtf8 {
        /// Where the sequence begins in the file.
        offset: u64,
    },
    /// A zero byte: binary data, or UTF-16 without a mark.
    #[error(
        "The file has a zero byte at byte {offset}, so it is not UTF-8 text: extract its text, or convert it to UTF-8."
    )]
    NotText {
        /// Where the zero byte is in the file.
        offset: u64,
    },
    /// The mark of another Unicode encoding at the file's start.
    #[error(
        "The file is {encoding}: convert it to UTF-8, for example with `iconv -f {encoding} -t UTF-8`."
    )]
    OtherEncoding {
        /// Its name, as `iconv` takes it.
        encoding: &'static str,
    },
}

/// Turns bytes that arrive in pieces, cut anywhere, into text.
///
/// Removes a byte order mark at the start. Keeps at most three bytes from one piece to
/// the next, and copies only a piece that begins within a character.
///
/// ```
/// use dayfly_core::decode::TextDecoder;
///
/// let mut decoder = TextDecoder::new();
/// assert_eq!(decoder.push(b"\xef\xbb\xbfna\xc3")?, "na");
/// assert_eq!(decoder.push(b"\xafve")?, "ïve");
/// decoder.finish()?;
/// # Ok::<(), dayfly_core::decode::DecodeError>(())
/// ```
#[derive(Debug, Default)]
pub struct TextDecoder {
    /// The bytes of a character that is not complete, or of what may be a mark.
    pending: Vec<u8>,
    /// Bytes of the file before `pending`.
    offset: u64,
    /// Bytes of the byte order mark that was removed.
    mark: u64,
}

impl TextDecoder {
    /// A decoder at the start of a file.
    pub fn new() -> Self {
        Self::default()
    }

    /// A decoder that goes on at byte `offset` of a file, where a character begins.
    pub fn at(offset: u64) -> Self {
        Self {
            offset,
            ..Self::default()
        }
    }

    /// Bytes of the byte order mark that this decoder removed: by so many, places in the file are
    /// ahead of those in the text.
    pub fn mark_bytes(&self) -> u64 {
        self.mark
    }

    /// Decodes the next piece as far as its characters are complete.
    ///
    /// Offsets in errors count the file's bytes, a byte order mark included.
    pub fn push<'a>(&mut self, input: &'a [u8]) -> Result<Cow<'a, str>, DecodeError> {
        if self.pending.is_empty() {
            let text = self.decode(input)?;
            return Ok(Cow::Borrowed(text));
        }
        let mut joined = std::mem::take(&mut self.pending);
        joined.extend_from_slice(input);
        let text = self.decode(&joined)?;
        Ok(Cow::Owned(text.to_owned()))
    }

    /// Fails where the file ended within a character.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let offset = self.offset;
        match (offset, other_encoding(&self.pending)) {
            (0, Some(encoding)) => Err(DecodeError::OtherEncoding { encoding }),
            // What may have been a mark, and is none.
            (0, None) if self.pending.starts_with(&[0]) => Err(DecodeError::NotText { offset }),
            _ => Err(DecodeError::InvalidUtf8 { offset }),
        }
    }

    /// The complete characters of `bytes`; what follows them becomes `pending`.
    fn decode<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b str, DecodeError> {
        // Four bytes tell UTF-16 and UTF-32 apart.
        if self.offset == 0 && matches!(bytes, [0xff | 0xfe | 0, ..]) {
            if bytes.len() < 4 {
                self.pending = bytes.to_vec();
                return Ok("");
            }
            if let Some(encoding) = other_encoding(bytes) {
                return Err(DecodeError::OtherEncoding { encoding });
            }
        }
        let (text, fault) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let (valid, rest) = bytes.split_at(error.valid_up_to());
                if error.error_len().is_none() {
                    self.pending = rest.to_vec();
                }
                let offset = self.offset + valid.len() as u64;
                let fault = DecodeError::InvalidUtf8 { offset };
                // Valid by the definition of `valid_up_to`.
                let text = std::str::from_utf8(valid).unwrap_or_default();
                (text, error.error_len().map(|_| fault))
            }
        };
        if let Some(position) = text.bytes().position(|byte| byte == 0) {
            let offset = self.offset + position as u64;
            return Err(DecodeError::NotText { offset });
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        let at_start = self.offset == 0;
        self.offset += text.len() as u64;
        match text.strip_prefix('\u{feff}') {
            Some(rest) if at_start => {
                self.mark = (text.len() - rest.len()) as u64;
                Ok(rest)
            }
            _ => Ok(text),
        }
    }
}

/// The Unicode encoding other than UTF-8 whose byte order mark `head` begins with.
fn other_encoding(head: &[u8]) -> Option<&'static str> {
    match head {
        [0xff, 0xfe, 0, 0, ..] => Some("UTF-32LE"),
        [0, 0, 0xfe, 0xff, ..] => Some("UTF-32BE"),
        [0xff, 0xfe, ..] => Some("UTF-16LE"),
        [0xfe, 0xff, ..] => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(pieces: &[&[u8]]) -> Result<String, DecodeError> {
        let mut decoder = TextDecoder::new();
        let mut text = String::new();
        for piece in pieces {
            text += &decoder.push(piece)?;
        }
        decoder.finish()?;
        Ok(text)
    }

    fn by_byte(bytes: &[u8]) -> Result<String, DecodeError> {
        decode(&bytes.chunks(1).collect::<Vec<_>>())
    }

    #[test]
    fn the_byte_order_mark_is_removed_at_the_start_only() {
        let bytes = "\u{feff}a\u{feff}b".as_bytes();
        assert_eq!(decode(&[bytes]).unwrap(), "a\u{feff}b");
        assert_eq!(by_byte(bytes).unwrap(), "a\u{feff}b");
        assert_eq!(by_byte("\u{feff}".as_bytes()).unwrap(), "");
    }

    #[test]
    fn an_invalid_byte_is_named_by_its_offset_in_the_file() {
        let fault = DecodeError::InvalidUtf8 { offset: 6 };
        let bytes = b"\xef\xbb\xbfabc\xffdef";
        assert_eq!(decode(&[bytes]), Err(fault.clone()));
        assert_eq!(by_byte(bytes), Err(fault.clone()));
        assert!(fault.to_string().contains("byte 6"));
        assert!(fault.to_string().contains("iconv"));
    }

    #[test]
    fn a_character_without_its_end_is_refused() {
        let fault = DecodeError::InvalidUtf8 { offset: 2 };
        assert_eq!(by_byte(b"ab\xe2\x82"), Err(fault.clone()));
        assert_eq!(by_byte(b"ab\xe2\x82c"), Err(fault));
    }

    #[test]
    fn other_encodings_are_named() {
        let encoding = |bytes: &[u8]| match (decode(&[bytes]), by_byte(bytes)) {
            (Err(DecodeError::OtherEncoding { encoding }), whole) => {
                assert_eq!(whole, Err(DecodeError::OtherEncoding { encoding }));
                encoding
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(encoding(b"\xff\xfeh\0i\0"), "UTF-16LE");
        assert_eq!(encoding(b"\xff\xfe"), "UTF-16LE");
        assert_eq!(encoding(b"\xfe\xff\0h"), "UTF-16BE");
        assert_eq!(encoding(b"\xff\xfe\0\0h\0\0\0"), "UTF-32LE");
        assert_eq!(encoding(b"\0\0\xfe\xff\0\0\0h"), "UTF-32BE");
    }

    #[test]
    fn a_zero_byte_is_not_text() {
        assert_eq!(decode(&[b"ab\0"]), Err(DecodeError::NotText { offset: 2 }));
        for bytes in [&b"\0abcd"[..], b"\0", b"\0\0", b"\0a\xff"] {
            assert_eq!(by_byte(bytes), Err(DecodeError::NotText { offset: 0 }));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn text_survives_any_cutting(text in "[^\0\u{feff}]{0,60}", size in 1usize..9) {
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(decode(&pieces).unwrap(), text);
        }

        #[test]
        fn bytes_fail_the_same_however_they_are_cut(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            size in 1usize..9,
        ) {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            let decoded = decode(&pieces);
            prop_assert_eq!(&decoded, &decode(&[&bytes]));
            prop_assert_eq!(decoded.is_ok(),
                std::str::from_utf8(&bytes).is_ok() && !bytes.contains(&0));
        }
    }
}
