use std::fs::{DirEntry, File};
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::time::SystemTime;

use futures::stream::{BoxStream, StreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

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

    async fn delete_durably(&self, location: &Path) -> Result<()> {
        self.inner.delete(location).await?;
        let path = self.inner.path_to_filesystem(location)?;
        let root = self.root.clone();
        blocking(move || {
            sync_nearest(&path, &root).map_err(|source| object_store::Error::Generic {
                store: "local",
                source: source.into(),
            })
        })
        .await
    }
}

impl std::fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait::async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (inner, at) = (self.inner.clone(), at.clone());
        let runtime = tokio::runtime::Handle::current();
        blocking(move || runtime.block_on(inner.put_multipart_opts(&at, options))).await
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
            .then(move |location| {
                let store = store.clone();
                async move {
                    let location = location?;
                    store.delete_durably(&location).await?;
                    Ok(location)
                }
            })
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

/// Syncs the directory that lost an entry: the nearest one that still stands.
fn sync_nearest(removed: &FsPath, root: &FsPath) -> io::Result<()> {
    for directory in removed.ancestors().skip(1) {
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
