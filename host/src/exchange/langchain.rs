//! The documents of a folder of LangChain's.

use std::fs;
use std::path::Path;

use dayfly_langchain::Docstore;

use super::chunk::Chunk;
use super::{ExchangeError, at};

/// A pickle is read as a whole; reading one takes several times its size.
const LARGEST_PICKLE: u64 = 1 << 30;

/// The documents of a folder that LangChain wrote, in the order of the index's rows.
pub fn read(path: &Path) -> Result<Vec<Chunk>, ExchangeError> {
    let bytes = fs::metadata(path).map_err(at(path))?.len();
    if bytes > LARGEST_PICKLE {
        return Err(ExchangeError::Unusable(format!(
            "{} has {bytes} bytes, and at most {LARGEST_PICKLE} are read: save the documents in \
             several folders",
            path.display()
        )));
    }
    let data = fs::read(path).map_err(at(path))?;
    let documents = Docstore::read(&data)?;
    (0..documents.rows())
        .map(|row| {
            let document = documents.document(row);
            let document = document.ok_or_else(|| {
                ExchangeError::Unusable(format!("{} lacks row {row}", path.display()))
            })?;
            Ok(Chunk::from(document))
        })
        .collect()
}
