//! Texts, a JSON object a line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use super::chunk::Chunk;
use super::{ExchangeError, at};

/// Longer lines are no texts that a store takes.
const LONGEST_LINE: u64 = 4 << 20;

/// Writes a line.
pub fn write(out: &mut impl Write, chunk: &Chunk) -> io::Result<()> {
    serde_json::to_writer(&mut *out, chunk)?;
    out.write_all(b"\n")
}

/// Every line of a file, in order.
pub fn read(path: &Path) -> Result<Vec<Chunk>, ExchangeError> {
    let mut lines = BufReader::new(File::open(path).map_err(at(path))?);
    let mut chunks = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut bounded = io::Read::take(&mut lines, LONGEST_LINE);
        if bounded.read_until(b'\n', &mut line).map_err(at(path))? == 0 {
            return Ok(chunks);
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let number = chunks.len() + 1;
        let chunk = serde_json::from_slice(&line).map_err(|fault| {
            ExchangeError::Unusable(format!(
                "{}: line {number} is not {{\"text\": …, \"metadata\": {{…}}}} of at most \
                 {LONGEST_LINE} bytes ({fault})",
                path.display()
            ))
        })?;
        chunks.push(chunk);
    }
}
