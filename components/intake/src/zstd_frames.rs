//! Bodies of zstd's frames (RFC 8878, section 3), one after the other, as `pzstd` and `cat` make them.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Reads what the frames of a source are of; those that are to be skipped are.
pub struct ZstdFrames<R> {
    source: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Of a source that begins with a frame.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidData`] for any other, and what the source answers.
    pub fn begin(source: R) -> io::Result<Self> {
        let decoder = FrameDecoder::new();
        let mut frames = Self { source, decoder };
        frames.next_frame()?;
        Ok(frames)
    }

    fn next_frame(&mut self) -> io::Result<()> {
        match self.decoder.reset(&mut self.source) {
            Ok(()) => Ok(()),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => self.skip(u64::from(length)),
            Err(fault) => Err(invalid(fault)),
        }
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.source.by_ref().take(length), &mut io::sink())?;
        match skipped == length {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let step = BlockDecodingStrategy::UptoBlocks(1);
                let decoded = self.decoder.decode_blocks(&mut self.source, step);
                decoded.map_err(invalid)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 || self.source.fill_buf()?.is_empty() {
                return Ok(read);
            }
            self.next_frame()?;
        }
    }
}

fn invalid(fault: FrameDecoderError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}
