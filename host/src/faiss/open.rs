use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use dayfly_core::store::{Home, IndexRef};
use sha2::{Digest, Sha256};

use super::error::DAMAGED;
use super::{Error, blocking};
use crate::confined::{self, Facts, Searcher};
use crate::platform::Storage;

/// A base's index, open.
pub struct Base {
    /// The index.
    pub index: confined::File,
    /// What it is.
    pub facts: Facts,
    /// What the store says of it.
    pub meta: IndexRef,
}

/// Opens a base's index: a file of the data directory as it lies there, one of a bucket after it was
/// fetched into a file that nobody else sees.
///
/// Its checksum is verified first: a file that was damaged is told from one that does harm.
pub async fn open(
    storage: &Storage,
    searcher: &Arc<Searcher>,
    tenant: &str,
    home: &Home,
    meta: IndexRef,
) -> Result<Base, Error> {
    let objects = storage.of(tenant);
    let key = meta.key(home);
    let searcher = Arc::clone(searcher);
    if let Some(path) = objects.file(&key)? {
        return blocking(move || {
            let file = File::open(path).map_err(|error| unreadable(&error))?;
            checked(&searcher, file, meta)
        })
        .await;
    }
    // It has no name, and its bytes go with the index.
    let mut file = tempfile::tempfile().map_err(|error| no_room(&error))?;
    objects.copy_to(&key, |piece| file.write_all(piece)).await?;
    blocking(move || checked(&searcher, file, meta)).await
}

fn checked(searcher: &Arc<Searcher>, mut file: File, meta: IndexRef) -> Result<Base, Error> {
    let found = checksum(&mut file).map_err(|error| unreadable(&error))?;
    if found != meta.sha256 {
        tracing::error!(base = meta.base, "an index file is damaged");
        return Err(damaged());
    }
    let (index, facts) = searcher.file(file)?;
    if facts.rows != meta.rows {
        return Err(damaged());
    }
    Ok(Base { index, facts, meta })
}

fn unreadable(error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound,
        _ => Error::Unavailable(format!("the index cannot be read: {error}")),
    }
}

fn checksum(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
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
    Error::Unavailable(DAMAGED.to_owned())
}

fn no_room(error: &std::io::Error) -> Error {
    Error::Unavailable(format!("there is no room for the index: {error}"))
}
