//! Reads a safetensors file once, in order, verifying its hash on the way.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use sha2::{Digest, Sha256};

use crate::weights::WeightsError;

/// Half of the model, of which one text needs a few hundred rows: it stays in the file.
const WORDS: &str = "embeddings.word_embeddings.weight";
const F32_BYTES: usize = size_of::<f32>();
/// The header lists a hundred tensors in some 10 KB.
const MAX_HEADER_BYTES: u64 = 1 << 20;
const BLOCK_BYTES: usize = 64 << 10;

struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// The tensors of a verified file: all in memory, except the word embeddings.
pub(crate) struct TensorFile {
    path: PathBuf,
    tensors: HashMap<String, Tensor>,
    words: WordTable,
}

impl TensorFile {
    /// Reads the file at `path`, whose SHA-256 must be `sha256` (64 hexadecimal digits).
    ///
    /// # Errors
    ///
    /// [`WeightsError::Corrupt`] where the hash differs, [`WeightsError::Malformed`] where it is
    /// no safetensors file with word embeddings, [`WeightsError::Io`] where it cannot be read.
    pub fn read(path: &Path, sha256: &str) -> Result<Self, WeightsError> {
        let file = File::open(path).map_err(|e| WeightsError::io(path, e))?;
        let mut reader = Verifying::new(BufReader::with_capacity(BLOCK_BYTES, &file), path);
        let metadata = read_header(&mut reader, path)?;
        let data_start = reader.position;

        let mut tensors = HashMap::new();
        let mut words = None;
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name) else {
                continue;
            };
            if name == WORDS {
                words = Some(word_rows(info, data_start, path)?);
            }
            if name == WORDS || info.dtype != Dtype::F32 {
                reader.skip(info.data_offsets.1 - info.data_offsets.0)?;
                continue;
            }
            let shape = info.shape.clone();
            let values = reader.read_f32(shape.iter().product())?;
            tensors.insert(name, Tensor { shape, values });
        }
        reader.finish(sha256)?;

        let (offset, rows, width) =
            words.ok_or_else(|| WeightsError::malformed(path, format!("no tensor {WORDS}")))?;
        Ok(Self {
            path: path.to_owned(),
            tensors,
            words: WordTable {
                path: path.to_owned(),
                file,
                offset,
                rows,
                width,
            },
        })
    }

    /// Removes a tensor and returns its values in C order.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Malformed`] where it is missing or of another shape.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let tensor = self
            .tensors
            .remove(name)
            .ok_or_else(|| WeightsError::malformed(&self.path, format!("no f32 tensor {name}")))?;
        if tensor.shape != shape {
            let reason = format!("{name} is {:?}, not {shape:?}", tensor.shape);
            return Err(WeightsError::malformed(&self.path, reason));
        }
        Ok(tensor.values)
    }

    /// Keeps the word embeddings, which must be `width` wide, and drops the rest.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Malformed`] where they have another width.
    pub fn into_words(self, width: usize) -> Result<WordTable, WeightsError> {
        if self.words.width != width {
            let reason = format!("{WORDS} is {} wide, not {width}", self.words.width);
            return Err(WeightsError::malformed(&self.path, reason));
        }
        Ok(self.words)
    }
}

/// The word embeddings, read row by row from the open file, so that the operating system's page
/// cache holds those in use (47 MB in all) in place of the process.
pub(crate) struct WordTable {
    path: PathBuf,
    file: File,
    offset: u64,
    rows: usize,
    width: usize,
}

impl WordTable {
    /// Reads the row of `token` into `row`.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Malformed`] for a token without a row, [`WeightsError::Io`] where reading
    /// fails.
    ///
    /// # Panics
    ///
    /// Where `row` is not as wide as the table.
    pub fn read(&self, token: u32, row: &mut [f32]) -> Result<(), WeightsError> {
        assert_eq!(row.len(), self.width, "width of a row");
        if token as usize >= self.rows {
            let reason = format!("no row for token {token}");
            return Err(WeightsError::malformed(&self.path, reason));
        }
        let mut bytes = vec![0; self.width * F32_BYTES];
        let at = self.offset + u64::from(token) * bytes.len() as u64;
        self.file
            .read_exact_at(&mut bytes, at)
            .map_err(|e| WeightsError::io(&self.path, e))?;
        for (value, bytes) in row.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

fn read_header<R: Read>(
    reader: &mut Verifying<'_, R>,
    path: &Path,
) -> Result<Metadata, WeightsError> {
    let mut length = [0; 8];
    reader.fill(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER_BYTES {
        return Err(WeightsError::malformed(path, "no safetensors header"));
    }
    let mut header = vec![0; length as usize];
    reader.fill(&mut header)?;
    serde_json::from_slice(&header).map_err(|e| WeightsError::malformed(path, e.to_string()))
}

/// Offset in the file, rows and width of the word embeddings.
fn word_rows(
    info: &TensorInfo,
    data_start: u64,
    path: &Path,
) -> Result<(u64, usize, usize), WeightsError> {
    match (info.dtype, info.shape.as_slice()) {
        (Dtype::F32, &[rows, width]) => Ok((data_start + info.data_offsets.0 as u64, rows, width)),
        _ => Err(WeightsError::malformed(
            path,
            format!("{WORDS} is no f32 matrix"),
        )),
    }
}

/// A reader that hashes all it reads.
struct Verifying<'a, R> {
    reader: R,
    path: &'a Path,
    hasher: Sha256,
    position: u64,
}

impl<'a, R: Read> Verifying<'a, R> {
    fn new(reader: R, path: &'a Path) -> Self {
        Self {
            reader,
            path,
            hasher: Sha256::new(),
            position: 0,
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), WeightsError> {
        self.reader
            .read_exact(buffer)
            .map_err(|e| WeightsError::io(self.path, e))?;
        self.hasher.update(&*buffer);
        self.position += buffer.len() as u64;
        Ok(())
    }

    fn read_f32(&mut self, count: usize) -> Result<Vec<f32>, WeightsError> {
        let mut values = Vec::with_capacity(count);
        let mut block = [0; BLOCK_BYTES];
        while values.len() < count {
            let bytes = ((count - values.len()) * F32_BYTES).min(BLOCK_BYTES);
            self.fill(&mut block[..bytes])?;
            let chunks = block[..bytes].as_chunks().0;
            values.extend(chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        }
        Ok(values)
    }

    fn skip(&mut self, mut bytes: usize) -> Result<(), WeightsError> {
        let mut block = [0; BLOCK_BYTES];
        while bytes > 0 {
            let part = bytes.min(BLOCK_BYTES);
            self.fill(&mut block[..part])?;
            bytes -= part;
        }
        Ok(())
    }

    /// Hashes what is left of the file and compares.
    fn finish(mut self, sha256: &str) -> Result<(), WeightsError> {
        let mut rest = Vec::new();
        self.reader
            .by_ref()
            .take(MAX_HEADER_BYTES)
            .read_to_end(&mut rest)
            .map_err(|e| WeightsError::io(self.path, e))?;
        self.hasher.update(&rest);
        let found = format!("{:x}", self.hasher.finalize());
        if found == sha256 {
            return Ok(());
        }
        Err(WeightsError::Corrupt {
            path: self.path.to_owned(),
            expected: sha256.to_owned(),
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;

    fn write(dir: &Path, tensors: &[(&str, &[usize], &[f32])]) -> (PathBuf, String) {
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, _, values)| values.iter().flat_map(|v| v.to_le_bytes()).collect())
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap();
            (*name, view)
        });
        let file = safetensors::serialize(views, None).unwrap();
        let path = dir.join("model.safetensors");
        std::fs::write(&path, &file).unwrap();
        (path, format!("{:x}", Sha256::digest(&file)))
    }

    #[test]
    fn tensors_and_word_rows_come_back_as_written() {
        let dir = tempfile::tempdir().unwrap();
        let words: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let (path, sha256) = write(
            dir.path(),
            &[("bias", &[2], &[0.5, -1.5]), (WORDS, &[3, 4], &words)],
        );
        let mut file = TensorFile::read(&path, &sha256).unwrap();
        assert_eq!(file.take("bias", &[2]).unwrap(), [0.5, -1.5]);
        let table = file.into_words(4).unwrap();
        let mut row = [0.0; 4];
        table.read(2, &mut row).unwrap();
        assert_eq!(row, [8.0, 9.0, 10.0, 11.0]);
        let beyond = table.read(3, &mut row);
        assert!(matches!(beyond, Err(WeightsError::Malformed { .. })));
    }

    #[test]
    fn a_changed_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, sha256) = write(dir.path(), &[(WORDS, &[1, 2], &[1.0, 2.0])]);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let refused = TensorFile::read(&path, &sha256);
        assert!(matches!(refused, Err(WeightsError::Corrupt { .. })));
    }

    #[test]
    fn bytes_after_the_tensors_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, sha256) = write(dir.path(), &[(WORDS, &[1, 2], &[1.0, 2.0])]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.push(0);
        std::fs::write(&path, &bytes).unwrap();
        let refused = TensorFile::read(&path, &sha256);
        assert!(matches!(refused, Err(WeightsError::Corrupt { .. })));
    }

    #[test]
    fn another_shape_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, sha256) = write(
            dir.path(),
            &[("bias", &[2], &[0.5, -1.5]), (WORDS, &[1, 1], &[1.0])],
        );
        let mut file = TensorFile::read(&path, &sha256).unwrap();
        let refused = file.take("bias", &[1, 2]);
        assert!(matches!(refused, Err(WeightsError::Malformed { .. })));
    }
}
