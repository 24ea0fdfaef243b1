//! The file's bytes. Every length that the file states is held against what is left of it, and
//! nothing is copied or allocated.

use crate::error::PickleError;

pub(crate) struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the current instruction begins, for messages.
    pub instruction: usize,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            instruction: 0,
        }
    }

    /// The next opcode.
    pub fn opcode(&mut self) -> Result<u8, PickleError> {
        self.instruction = self.at;
        self.array().map(|[code]| code)
    }

    pub fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn take(&mut self, length: u64) -> Result<&'a [u8], PickleError> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| self.bytes.get(self.at..)?.get(..length))
            .ok_or(PickleError::Truncated {
                offset: self.instruction,
            })?;
        self.at += taken.len();
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let array = left.first_chunk().ok_or(PickleError::Truncated {
            offset: self.instruction,
        })?;
        self.at += N;
        Ok(*array)
    }

    /// A little-endian number of one, two, four or eight bytes.
    pub fn number<const N: usize>(&mut self) -> Result<u64, PickleError> {
        let bytes: [u8; N] = self.array()?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub fn text(&mut self, length: u64) -> Result<&'a str, PickleError> {
        let bytes = self.take(length)?;
        self.utf8(bytes)
    }

    /// The text up to the end of the line, which is passed over.
    pub fn line(&mut self) -> Result<&'a str, PickleError> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let end = left
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(PickleError::Truncated {
                offset: self.instruction,
            })?;
        let line = self.take(end as u64)?;
        self.at += 1;
        self.utf8(line)
    }

    fn utf8(&self, bytes: &'a [u8]) -> Result<&'a str, PickleError> {
        std::str::from_utf8(bytes).map_err(|_| {
            PickleError::malformed(
                self.instruction,
                "a text is not UTF-8. Python writes so a text with half a surrogate pair: \
                 clean it with text.encode('utf-8', 'replace').decode() and save the store again",
            )
        })
    }
}
