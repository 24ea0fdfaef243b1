//! Where everything is kept, and who this server is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use thiserror::Error;
use url::Url;

use super::OWN_FOLDER;
use super::chance::{NoChance, random_id};
use super::durable_local::{DurableLocal, remove_unfinished};
use super::{Storage, bucket};
use crate::options::ServeOptions;

/// Where everything is kept, and who this server is.
pub struct Data {
    /// All tenants' objects.
    pub storage: Storage,
    /// This host, unique among all hosts of a bucket.
    pub node: String,
    /// This start of this host.
    pub boot: String,
    /// Held while the server lives.
    _lock: Option<File>,
}

/// Why the data cannot be used; the texts say what to do.
#[derive(Debug, Error)]
pub enum DataError {
    /// The directory cannot be made or written.
    #[error(
        "the data directory {path} cannot be used ({source}): give this user write access to it, or choose another with --data"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server uses it.
    #[error("another dayfly serves {0} already: stop it, or choose another directory with --data")]
    InUse(PathBuf),
    /// The URL names no store that can be used.
    #[error("the data URL {url} cannot be used: {reason}")]
    Url {
        /// As configured.
        url: String,
        /// Why.
        reason: String,
    },
    /// The system gave no randomness.
    #[error(transparent)]
    Random(#[from] NoChance),
}

impl Data {
    /// Opens the configured directory or bucket. A directory is made where it does not exist, and
    /// is locked until the value is dropped.
    pub fn open(options: &ServeOptions) -> Result<Self, DataError> {
        let boot = random_id()?;
        if !options.data.contains("://") {
            return Self::open_directory(Path::new(&options.data), options.node.clone(), boot);
        }
        let storage = open_url(&options.data)?;
        let node = options.node.clone().map_or_else(random_id, Ok)?;
        Ok(Self {
            storage,
            node,
            boot,
            _lock: None,
        })
    }

    /// The storage alone, beside a server that may be using it: whatever is written by
    /// create-if-absent and in one piece may have any number of writers.
    pub fn beside(data: &str) -> Result<Storage, DataError> {
        if data.contains("://") {
            return open_url(data);
        }
        let path = Path::new(data);
        let root = fs::canonicalize(path).map_err(|source| DataError::Directory {
            path: path.into(),
            source,
        })?;
        let store = DurableLocal::open(&root).map_err(|error| DataError::Url {
            url: data.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Storage::in_directory(
            Arc::new(store),
            data.to_owned(),
            &root,
        ))
    }

    fn open_directory(path: &Path, node: Option<String>, boot: String) -> Result<Self, DataError> {
        let failed = |source| DataError::Directory {
            path: path.into(),
            source,
        };
        let own = path.join(OWN_FOLDER);
        fs::create_dir_all(&own).map_err(failed)?;
        let root = fs::canonicalize(path).map_err(failed)?;
        let lock = lock(&own, path)?;
        let node = match node {
            Some(node) => node,
            None => kept_node(&own, path)?,
        };
        let store = DurableLocal::open(&root).map_err(|error| DataError::Url {
            url: path.display().to_string(),
            reason: error.to_string(),
        })?;
        let started = SystemTime::now();
        let swept = root.clone();
        // Nothing depends on its end, so a large directory does not hold the start back.
        std::thread::spawn(move || match remove_unfinished(&swept, started) {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "removed what a killed server left unfinished"),
            Err(error) => tracing::warn!(%error, "cannot look for unfinished files"),
        });
        let storage = Storage::in_directory(Arc::new(store), path.display().to_string(), &root);
        Ok(Self {
            storage,
            node,
            boot,
            _lock: Some(lock),
        })
    }
}

fn open_url(given: &str) -> Result<Storage, DataError> {
    let failed = |reason: String| DataError::Url {
        url: given.into(),
        reason,
    };
    let url = Url::parse(given).map_err(|error| failed(error.to_string()))?;
    if !matches!(
        url.scheme(),
        "s3" | "s3a" | "gs" | "az" | "azure" | "abfs" | "abfss"
    ) {
        return Err(failed("use a directory, s3://, gs:// or az://".into()));
    }
    let store = bucket::open(&url).map_err(|error| failed(error.to_string()))?;
    Ok(Storage::new(store, given.into(), true))
}

fn lock(own: &Path, path: &Path) -> Result<File, DataError> {
    let failed = |source| DataError::Directory {
        path: path.into(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(own.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataError::InUse(path.into())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Called with the lock held.
fn kept_node(own: &Path, path: &Path) -> Result<String, DataError> {
    let failed = |source| DataError::Directory {
        path: path.into(),
        source,
    };
    let file = own.join("node");
    match fs::read_to_string(&file) {
        Ok(node) if !node.trim().is_empty() => return Ok(node.trim().into()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let node = random_id()?;
    let mut made = File::create(&file).map_err(failed)?;
    made.write_all(node.as_bytes())
        .and_then(|()| made.sync_all())
        .map_err(failed)?;
    File::open(own)
        .and_then(|own| own.sync_all())
        .map_err(failed)?;
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(path: &Path) -> ServeOptions {
        ServeOptions {
            data: path.display().to_string(),
            ..ServeOptions::default()
        }
    }

    #[test]
    fn a_directory_keeps_its_node_and_gets_a_new_boot_at_every_start() {
        let root = tempfile::tempdir().unwrap();
        let first = Data::open(&options(root.path())).unwrap();
        let (node, boot) = (first.node.clone(), first.boot.clone());
        drop(first);
        let second = Data::open(&options(root.path())).unwrap();
        assert_eq!(second.node, node);
        assert_ne!(second.boot, boot);
    }

    #[test]
    fn a_directory_has_one_server() {
        let root = tempfile::tempdir().unwrap();
        let _held = Data::open(&options(root.path())).unwrap();
        assert!(matches!(
            Data::open(&options(root.path())),
            Err(DataError::InUse(_))
        ));
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Data::open(&options(&file.path().join("below")))
            .err()
            .unwrap();
        assert!(
            error
                .to_string()
                .contains(&file.path().display().to_string()),
            "{error}"
        );
    }

    #[test]
    fn other_schemes_are_refused() {
        let options = ServeOptions {
            data: "ftp://host/x".into(),
            ..ServeOptions::default()
        };
        assert!(matches!(Data::open(&options), Err(DataError::Url { .. })));
    }
}
