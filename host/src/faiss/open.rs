use std::io::{Read, Write};
use std::path::Path;

use dayfly_core::store::{Home, IndexRef};
use dayfly_faiss::Index;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{Error, blocking};
use crate::platform::Storage;

/// A base's index, mapped.
pub struct Base {
    /// The index.
    pub index: Index,
    /// What the store says of it.
    pub meta: IndexRef,
}

/// Maps a base's index: a file of the data directory as it lies there, one of a bucket after it was
/// fetched into a file that nobody else sees.
///
/// Its checksum is verified first: FAISS trusts what it maps.
pub async fn open(
    storage: &Storage,
    tenant: &str,
    home: &Home,
    meta: IndexRef,
) -> Result<Base, Error> {
    let objects = storage.of(tenant);
    let key = meta.key(home);
    if let Some(path) = objects.file(&key)? {
        return blocking(move || map(&path, meta)).await;
    }
    let file = NamedTempFile::with_prefix("dayfly-base-").map_err(|error| no_room(&error))?;
    let mut sink = file.as_file();
    objects.copy_to(&key, |piece| sink.write_all(piece)).await?;
    // Its name goes at once, its bytes with the index.
    blocking(move || map(file.path(), meta)).await
}

fn map(path: &Path, meta: IndexRef) -> Result<Base, Error> {
    let found = checksum(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound,
        _ => Error::Unavailable(format!("the index cannot be read: {error}")),
    })?;
    if found != meta.sha256 {
        tracing::error!(base = meta.base, "an index file is damaged");
        return Err(damaged());
    }
    let index = Index::map(path)?;
    if index.rows() != meta.rows {
        return Err(damaged());
    }
    Ok(Base { index, meta })
}

fn checksum(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn damaged() -> Error {
    Error::Unavailable(
        "the store's native index is damaged: ask for a rebuild \
         (POST /v1/vector_stores/{id}/rebuild), or restore it from a backup"
            .to_owned(),
    )
}

fn no_room(error: &std::io::Error) -> Error {
    Error::Unavailable(format!("there is no room for the index: {error}"))
}
