//! A directory whose writes survive a crash.

use std::collections::{BTreeSet, HashMap};
use std::fs::{DirEntry, File};
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::time::SystemTime;

use futures::stream::{BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Deleted one after another on one thread, with their directories synced once.
const BATCH: usize = 256;
/// Such batches at once.
const CONCURRENT_BATCHES: usize = 4;

/// A directory as an object store that survives a power failure: whatever is acknowledged has
/// been synced, file and directories.
///
/// `LocalFileSystem` syncs what it writes; here deletions are synced too, and beginning a large
/// object does not block an async worker.
#[derive(Debug, Clone)]
pub struct DurableLocal {
    inner: LocalFileSystem,
    root: PathBuf,
}

impl DurableLocal {
    /// The directory has to exist.
    pub fn open(root: &FsPath) -> Result<Self> {
        let inner = LocalFileSystem::new_with_prefix(root)?
            .with_fsync(true)
            .with_automatic_cleanup(true);
        Ok(Self {
            inner,
            root: root.into(),
        })
    }

    /// Removes files, then syncs each directory that lost entries. What is answered is in order.
    fn delete_batch(&self, batch: Vec<Result<Path>>) -> Vec<Result<Path>> {
        let mut changed = BTreeSet::new();
        let removed: Vec<Result<(Path, PathBuf)>> = batch
            .into_iter()
            .map(|location| {
                let location = location?;
                let path = self.inner.path_to_filesystem(&location)?;
                let folder = path.parent().unwrap_or(&self.root).to_path_buf();
                // One that is gone may have been removed by a call that failed to sync.
                changed.insert(folder.clone());
                remove_file(&location, &path)?;
                Ok((location, folder))
            })
            .collect();
        let synced = self.settle(changed);
        removed
            .into_iter()
            .map(|removed| {
                let (location, folder) = removed?;
                match synced.get(&folder) {
                    Some(kind) => Err(generic(io::Error::from(*kind))),
                    None => Ok(location),
                }
            })
            .collect()
    }

    /// Removes the directories among `changed` that are empty now, and those above them, and makes
    /// what is left of them durable. Answers of which that failed.
    fn settle(&self, changed: BTreeSet<PathBuf>) -> HashMap<PathBuf, io::ErrorKind> {
        // The directory that still stands, for each that lost an entry.
        let standing: Vec<(PathBuf, PathBuf)> = changed
            .into_iter()
            .rev()
            .map(|folder| (folder.clone(), self.prune(folder)))
            .collect();
        let mut failed = HashMap::new();
        let to_sync: BTreeSet<&PathBuf> = standing.iter().map(|(_, standing)| standing).collect();
        for directory in to_sync {
            if let Err(error) = sync_nearest(directory, &self.root) {
                let below = standing
                    .iter()
                    .filter(|(_, standing)| standing == directory);
                failed.extend(below.map(|(folder, _)| (folder.clone(), error.kind())));
            }
        }
        failed
    }

    fn prune(&self, mut folder: PathBuf) -> PathBuf {
        let gone = |folder: &PathBuf| match std::fs::remove_dir(folder) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        while folder != self.root && gone(&folder) && folder.pop() {}
        folder
    }
}

impl std::fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

/// A directory may be emptied, and removed with its last file, just as another is put into it: then
/// it is made again.
const CREATIONS: u32 = 16;

/// Whether the cause of an error is that a directory or file is not there.
fn is_missing(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::NotFound) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[async_trait::async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        for _ in 1..CREATIONS {
            let put = self.inner.put_opts(at, payload.clone(), options.clone());
            match put.await {
                Err(error) if is_missing(&error) => {}
                outcome => return outcome,
            }
        }
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (inner, at) = (self.inner.clone(), at.clone());
        let runtime = tokio::runtime::Handle::current();
        blocking(move || {
            for _ in 1..CREATIONS {
                match runtime.block_on(inner.put_multipart_opts(&at, options.clone())) {
                    Err(error) if is_missing(&error) => {}
                    outcome => return outcome,
                }
            }
            runtime.block_on(inner.put_multipart_opts(&at, options))
        })
        .await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(at, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .chunks(BATCH)
            .map(move |batch| {
                let store = store.clone();
                async move {
                    let work = tokio::task::spawn_blocking(move || store.delete_batch(batch));
                    work.await.unwrap_or_else(|error| vec![Err(error.into())])
                }
            })
            .buffered(CONCURRENT_BATCHES)
            .flat_map(futures::stream::iter)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

fn remove_file(location: &Path, path: &FsPath) -> Result<()> {
    std::fs::remove_file(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotFound {
            path: location.to_string(),
            source: error.into(),
        },
        _ => generic(error),
    })
}

fn generic(error: io::Error) -> Error {
    Error::Generic {
        store: "local",
        source: error.into(),
    }
}

/// Syncs a directory, or the nearest one above it where it is gone meanwhile.
fn sync_nearest(directory: &FsPath, root: &FsPath) -> io::Result<()> {
    for directory in directory.ancestors() {
        match File::open(directory) {
            Ok(directory) => return directory.sync_all(),
            Err(error) if error.kind() == io::ErrorKind::NotFound && directory != root => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes what a killed server left in the making: files named `{object}#{number}` that are
/// older than `before`. Such names are no keys. Answers how many there were.
pub fn remove_unfinished(directory: &FsPath, before: SystemTime) -> io::Result<u64> {
    let mut removed = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        // The server is at work meanwhile, so anything may be gone already.
        removed += match remove_entry(&entry, before) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            removed => removed?,
        };
    }
    Ok(removed)
}

fn remove_entry(entry: &DirEntry, before: SystemTime) -> io::Result<u64> {
    let kind = entry.file_type()?;
    if kind.is_dir() {
        return remove_unfinished(&entry.path(), before);
    }
    let named = entry.file_name().to_str().is_some_and(is_unfinished);
    if !kind.is_file() || !named || entry.metadata()?.modified()? >= before {
        return Ok(0);
    }
    std::fs::remove_file(entry.path())?;
    Ok(1)
}

fn is_unfinished(name: &str) -> bool {
    let number = name.rsplit_once('#').map_or("", |(_, number)| number);
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use object_store::ObjectStoreExt;

    use super::*;

    #[tokio::test]
    async fn deleting_the_last_object_leaves_no_folder() {
        let root = tempfile::tempdir().unwrap();
        let store = DurableLocal::open(root.path()).unwrap();
        let key = Path::parse("a/b/c").unwrap();
        store.put(&key, "x".into()).await.unwrap();
        store.delete(&key).await.unwrap();
        assert!(root.path().exists());
        assert!(!root.path().join("a").exists());
    }

    #[tokio::test]
    async fn many_are_deleted_and_each_is_answered_for() {
        let root = tempfile::tempdir().unwrap();
        let store = DurableLocal::open(root.path()).unwrap();
        let mut keys: Vec<Path> = (0..2_000)
            .map(|number| Path::from(format!("a/{}/{number}", number % 7)))
            .collect();
        for key in &keys {
            let path = root.path().join(key.as_ref());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        std::fs::write(root.path().join("a/3/kept"), "x").unwrap();
        keys.insert(1_000, Path::from("a/3/never"));
        keys.insert(1_001, Path::from("never/never"));
        keys.insert(1_002, Path::from("a/3/kept/below"));
        let answers = store
            .delete_stream(futures::stream::iter(keys.clone()).map(Ok).boxed())
            .collect::<Vec<_>>()
            .await;
        for (at, (key, answer)) in keys.iter().zip(answers).enumerate() {
            match answer {
                Ok(deleted) => assert_eq!(deleted, *key),
                Err(Error::NotFound { .. }) => assert!((1_000..1_003).contains(&at), "{key}"),
                Err(other) => panic!("{key}: {other}"),
            }
        }
        let left: Vec<_> = std::fs::read_dir(root.path().join("a")).unwrap().collect();
        assert_eq!(left.len(), 1);
        assert!(root.path().join("a/3/kept").exists());
    }

    #[tokio::test]
    async fn what_cannot_be_deleted_does_not_hold_up_the_rest() {
        let root = tempfile::tempdir().unwrap();
        let store = DurableLocal::open(root.path()).unwrap();
        std::fs::create_dir_all(root.path().join("folder/below")).unwrap();
        std::fs::write(root.path().join("file"), "x").unwrap();
        let keys = ["folder", "file"].map(|key| Ok(Path::from(key)));
        let answers = store
            .delete_stream(futures::stream::iter(keys).boxed())
            .collect::<Vec<_>>()
            .await;
        assert!(matches!(answers[0], Err(Error::Generic { .. })));
        assert!(answers[1].is_ok() && !root.path().join("file").exists());
    }

    #[test]
    fn only_old_files_in_the_making_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["object", "object#1", "object#x", "object#"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let early = SystemTime::UNIX_EPOCH;
        assert_eq!(remove_unfinished(root.path(), early).unwrap(), 0);
        let late = SystemTime::now() + std::time::Duration::from_secs(3600);
        assert_eq!(remove_unfinished(root.path(), late).unwrap(), 1);
        assert!(folder.join("object").exists() && !folder.join("object#1").exists());
    }
}
