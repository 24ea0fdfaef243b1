//! Going through an index file from the front.

use std::io::{self, Read, Seek};

use super::{corrupt, must};
use crate::error::{Error, Result};

/// A file that is gone through from the front; what is large is passed over.
pub(super) struct Walk<'a, S> {
    source: &'a mut S,
    left: u64,
}

const TOO_SHORT: &str = "it ends too soon";

impl<'a, S: Read + Seek> Walk<'a, S> {
    /// Of a source that has so many bytes left.
    pub fn new(source: &'a mut S, left: u64) -> Self {
        Self { source, left }
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.take(N as u64)?;
        match self.source.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(corrupt(TOO_SHORT)),
            Err(error) => Err(Error::Io(error)),
            Ok(()) => Ok(bytes),
        }
    }

    pub fn bool(&mut self) -> Result<bool> {
        let [byte] = self.array()?;
        must(byte <= 1, "a yes or no that is neither")?;
        Ok(byte == 1)
    }

    pub fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_le_bytes)
    }

    pub fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Passes over so many bytes.
    pub fn skip(&mut self, bytes: u64) -> Result<()> {
        self.take(bytes)?;
        let bytes = i64::try_from(bytes).map_err(|_| corrupt(TOO_SHORT))?;
        Ok(self.source.seek_relative(bytes)?)
    }

    /// Passes over a length and so many items; answers how many.
    pub fn vector(&mut self, item_bytes: u64) -> Result<u64> {
        let items = self.u64()?;
        let bytes = items.checked_mul(item_bytes);
        self.skip(bytes.ok_or_else(|| corrupt(TOO_SHORT))?)?;
        Ok(items)
    }

    fn take(&mut self, bytes: u64) -> Result<()> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or_else(|| corrupt(TOO_SHORT))?;
        Ok(())
    }
}
