//! Bodies that come compressed. They are decompressed where the request is answered, in its instance, so
//! what a hostile one takes is taken of that.

use std::io::{self, BufReader, Cursor, Read};

use dayfly_core::api::{ApiError, Code};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::zstd_frames::ZstdFrames;

/// How a body was compressed: the header `content-encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1950, and what many send in its place: RFC 1951.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// Bytes of a piece.
const PIECE: usize = 64 << 10;

impl Encoding {
    /// What the header says.
    ///
    /// # Errors
    ///
    /// 415 for another one, or for several one over another.
    pub fn parse(header: Option<&str>) -> Result<Self, ApiError> {
        match header
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            "br" => Ok(Self::Brotli),
            "zstd" => Ok(Self::Zstd),
            other => Err(ApiError::new(
                Code::UnsupportedMediaType,
                format!(
                    "The body's content encoding is '{other}'; send it as it is, or with one of gzip, \
                     deflate, br and zstd."
                ),
            )),
        }
    }

    /// Reads the body that `compressed` is of.
    ///
    /// # Errors
    ///
    /// What cannot be read, or was not compressed so.
    pub fn decode<R: Read + Send + 'static>(
        self,
        compressed: R,
    ) -> io::Result<Box<dyn Read + Send>> {
        let mut compressed = BufReader::with_capacity(PIECE, compressed);
        Ok(match self {
            Self::Identity => Box::new(compressed),
            Self::Gzip => Box::new(MultiGzDecoder::new(compressed)),
            Self::Deflate => {
                let mut begun = Vec::with_capacity(ZLIB_HEADER);
                compressed
                    .by_ref()
                    .take(ZLIB_HEADER as u64)
                    .read_to_end(&mut begun)?;
                let has_header = is_zlib_header(&begun);
                let whole = BufReader::new(Cursor::new(begun).chain(compressed));
                match has_header {
                    true => Box::new(ZlibDecoder::new(whole)),
                    false => Box::new(DeflateDecoder::new(whole)),
                }
            }
            Self::Brotli => Box::new(brotli_decompressor::Decompressor::new(compressed, PIECE)),
            Self::Zstd => Box::new(ZstdFrames::begin(compressed)?),
        })
    }
}

/// Bytes that tell zlib's streams from bare ones.
const ZLIB_HEADER: usize = 2;

/// Whether a stream that begins so is zlib's: its two bytes are a multiple of 31.
fn is_zlib_header(begun: &[u8]) -> bool {
    const DEFLATE: u8 = 8;
    match begun {
        [first, second] => {
            first & 0x0f == DEFLATE && u16::from_be_bytes([*first, *second]).is_multiple_of(31)
        }
        _ => false,
    }
}

/// What a reader gives, piece by piece, until its end or first failure.
pub struct Pieces {
    reader: Option<Box<dyn Read + Send>>,
}

impl Pieces {
    /// Of that reader.
    pub fn of(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader: Some(reader),
        }
    }
}

impl Iterator for Pieces {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        let mut piece = vec![0; PIECE];
        let read = loop {
            match reader.read(&mut piece) {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        match read {
            Ok(0) => {
                self.reader = None;
                None
            }
            Ok(length) => {
                piece.truncate(length);
                Some(Ok(piece))
            }
            Err(fault) => {
                self.reader = None;
                Some(Err(fault))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // "The heron waits. " forty times, by the tools named.
    const GZIP: &[u8] = include_bytes!("../tests/heron.gz");
    const ZLIB: &[u8] = include_bytes!("../tests/heron.zlib");
    const BROTLI: &[u8] = include_bytes!("../tests/heron.br");
    const ZSTD: &[u8] = include_bytes!("../tests/heron.zst");

    fn decoded(encoding: Encoding, bytes: &'static [u8]) -> io::Result<String> {
        let reader = encoding.decode(Cursor::new(bytes))?;
        let pieces: Vec<Vec<u8>> = Pieces::of(reader).collect::<Result<_, _>>()?;
        Ok(String::from_utf8(pieces.concat()).unwrap())
    }

    #[test]
    fn what_was_compressed_comes_as_it_was() {
        let text = "The heron waits. ".repeat(40);
        // Without its two bytes and its checksum of four it is what many send as deflate.
        let raw = &ZLIB[2..ZLIB.len() - 4];
        for (name, bytes) in [
            ("gzip", GZIP),
            ("X-GZIP", GZIP),
            ("deflate", ZLIB),
            ("deflate", raw),
            ("br", BROTLI),
            ("zstd", ZSTD),
        ] {
            let encoding = Encoding::parse(Some(name)).unwrap();
            assert_eq!(decoded(encoding, bytes).unwrap(), text, "{name}");
        }
    }

    /// Gives a byte at a time, as a slow client does.
    struct Slow(Cursor<&'static [u8]>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(1);
            self.0.read(&mut buffer[..most])
        }
    }

    #[test]
    fn what_comes_slowly_is_what_it_was() {
        for (encoding, bytes) in [(Encoding::Deflate, ZLIB), (Encoding::Gzip, GZIP)] {
            let mut text = String::new();
            let mut reader = encoding.decode(Slow(Cursor::new(bytes))).unwrap();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "The heron waits. ".repeat(40), "{encoding:?}");
        }
    }

    #[test]
    fn all_of_a_body_is_read_that_was_compressed_piece_by_piece() {
        let text = "The heron waits. ".repeat(40);
        // One frame that is to be skipped, of three bytes.
        let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        for (encoding, pieces, times) in [
            (Encoding::Gzip, vec![GZIP, GZIP], 2),
            (Encoding::Zstd, vec![ZSTD, ZSTD, ZSTD], 3),
            (Encoding::Zstd, vec![&skipped[..], ZSTD, skipped, ZSTD], 2),
        ] {
            let whole: &'static [u8] = pieces.concat().leak();
            assert_eq!(decoded(encoding, whole).unwrap(), text.repeat(times));
            let mut slowly = String::new();
            let mut reader = encoding.decode(Slow(Cursor::new(whole))).unwrap();
            reader.read_to_string(&mut slowly).unwrap();
            assert_eq!(slowly, text.repeat(times));
        }
        let cut: &'static [u8] = [ZSTD, &skipped[..9]].concat().leak();
        assert!(decoded(Encoding::Zstd, cut).is_err());
        let other: &'static [u8] = [ZSTD, b"something else"].concat().leak();
        assert!(decoded(Encoding::Zstd, other).is_err());
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_no_text() {
        for (name, bytes) in [
            ("gzip", &GZIP[..GZIP.len() - 9]),
            ("gzip", ZSTD),
            ("deflate", &ZLIB[..ZLIB.len() - 5]),
            ("br", &BROTLI[..BROTLI.len() - 3]),
            ("zstd", &ZSTD[..ZSTD.len() - 5]),
            ("zstd", GZIP),
        ] {
            let encoding = Encoding::parse(Some(name)).unwrap();
            assert!(decoded(encoding, bytes).is_err(), "{name}");
        }
    }

    #[test]
    fn other_encodings_are_named() {
        for other in ["compress", "gzip, br", "aws-chunked"] {
            let error = Encoding::parse(Some(other)).unwrap_err();
            assert_eq!(error.status, 415);
            assert!(error.message.contains(other), "{}", error.message);
        }
        assert_eq!(Encoding::parse(None), Ok(Encoding::Identity));
    }
}
