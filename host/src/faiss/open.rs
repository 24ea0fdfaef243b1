//! Opening a store's index.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use dayfly_core::home::Home;
use dayfly_core::store::IndexRef;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::error::DAMAGED;
use super::{Error, blocking};
use crate::confined::{self, Facts, Searcher};
use crate::storage::Storage;

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
    let name = format!("{tenant}/{key}#{}", meta.sha256);
    if let Some(path) = objects.file(&key)? {
        return blocking(move || {
            let file = File::open(path).map_err(|error| unreadable(&error))?;
            checked(&searcher, &name, file, meta)
        })
        .await;
    }
    let file = NamedTempFile::with_prefix("dayfly-base-").map_err(|error| no_room(&error))?;
    let mut sink = file.as_file();
    objects.copy_to(&key, |piece| sink.write_all(piece)).await?;
    // Its name goes at once, its bytes with the index. Whoever is handed it can read it alone.
    let readable = File::open(file.path()).map_err(|error| no_room(&error))?;
    drop(file);
    blocking(move || checked(&searcher, &name, readable, meta)).await
}

fn checked(
    searcher: &Arc<Searcher>,
    name: &str,
    mut file: File,
    meta: IndexRef,
) -> Result<Base, Error> {
    let found = checksum(&mut file).map_err(|error| unreadable(&error))?;
    if found != meta.sha256 {
        tracing::error!(base = meta.base, "an index file is damaged");
        return Err(damaged());
    }
    let (index, facts) = searcher.file(name, file)?;
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
