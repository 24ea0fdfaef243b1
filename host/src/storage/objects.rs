//! All tenants' objects.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use dayfly_core::objects::ObjectMeta;
use dayfly_core::objects::keys::check_key;
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutPayload,
};
use tokio::io::AsyncWriteExt;

use super::failure::{explain, explain_creation, explain_deletion};
use super::{Failure, at_hand, creation};

/// An object up to this size is written to a bucket at once, a larger one in parts of it: the least that
/// S3 takes. A writer holds one that is being filled and one that is on its way.
const PART_BYTES: usize = 5 << 20;
/// As [`PART_BYTES`], for a directory, where a part is a write.
const LOCAL_PART_BYTES: usize = 1 << 20;

/// All tenants' objects, in a directory or a bucket.
#[derive(Clone)]
pub struct Storage {
    pub(super) store: Arc<dyn ObjectStore>,
    place: Arc<str>,
    pub(super) remote: bool,
    pub(super) root: Option<Arc<std::path::Path>>,
}

/// What one call may still answer with: no more is read, so that it bounds the host's memory too.
pub struct AnswerLimit(AtomicU64);

impl AnswerLimit {
    /// Of so many bytes, for all that the call answers with.
    pub fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    fn left(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn take(&self, size: u64) -> Result<(), Failure> {
        let left = self
            .0
            .fetch_update(Relaxed, Relaxed, |left| left.checked_sub(size));
        left.map(drop).map_err(|left| {
            Failure::TooLarge(format!(
                "{size} bytes are more than the {left} that the call may still answer with: read ranges"
            ))
        })
    }
}

/// The objects of one tenant. No key leads out of it.
pub struct TenantObjects<'a> {
    pub(super) storage: &'a Storage,
    pub(super) tenant: &'a str,
}

/// An object in the making, which is given up when it is dropped unfinished.
pub struct Writer {
    inner: Option<BufWriter>,
    place: Arc<str>,
    size: u64,
}

impl Storage {
    /// `place` names the store for people; `remote` that it is a bucket, which lists by key.
    pub fn new(store: Arc<dyn ObjectStore>, place: String, remote: bool) -> Self {
        Self {
            store,
            place: place.into(),
            remote,
            root: None,
        }
    }

    /// Of the directory `root`, whose objects are files.
    pub fn in_directory(
        store: Arc<dyn ObjectStore>,
        place: String,
        root: &std::path::Path,
    ) -> Self {
        Self {
            root: Some(root.into()),
            ..Self::new(store, place, false)
        }
    }

    /// Confines to `tenant`, which has to be a tenant's name.
    pub fn of<'a>(&'a self, tenant: &'a str) -> TenantObjects<'a> {
        TenantObjects {
            storage: self,
            tenant,
        }
    }

    /// The names of the folders directly below `folder` (without `/` at its end; empty for the
    /// whole store), over all tenants.
    pub async fn folders_anywhere(&self, folder: &str) -> Result<Vec<String>, Failure> {
        let path = parse(folder)?;
        let prefix = (!folder.is_empty()).then_some(&path);
        let listing = self
            .store
            .list_with_delimiter(prefix)
            .await
            .map_err(|e| self.explain(&e))?;
        let names = listing
            .common_prefixes
            .iter()
            .filter_map(|path| path.filename());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Names it for people.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn explain(&self, error: &object_store::Error) -> Failure {
        explain(error, &self.place)
    }
}

impl TenantObjects<'_> {
    /// The object as a file, where objects are files.
    pub fn file(&self, key: &str) -> Result<Option<std::path::PathBuf>, Failure> {
        check_key(key)?;
        let root = self.storage.root.as_ref();
        Ok(root.map(|root| root.join(self.tenant).join(key)))
    }

    /// Copies an object to `sink`, piece by piece.
    pub async fn copy_to(
        &self,
        key: &str,
        mut sink: impl FnMut(&[u8]) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        let found = self.storage.store.get(&self.path(key)?).await;
        let mut pieces = found
            .map_err(|error| self.storage.explain(&error))?
            .into_stream();
        while let Some(piece) = pieces
            .try_next()
            .await
            .map_err(|error| self.storage.explain(&error))?
        {
            sink(&piece).map_err(|error| Failure::Unavailable(error.to_string()))?;
        }
        Ok(())
    }

    /// As the platform's `get`, as far as the limit allows.
    pub async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        limit: &AnswerLimit,
    ) -> Result<Bytes, Failure> {
        let mut reader = at_hand::Reader::default();
        match self.get_at_hand(&mut reader, key, range.as_ref(), limit)? {
            Some(found) => Ok(found),
            None => self.get_away(key, range, limit).await,
        }
    }

    /// As [`get`](Self::get), without a look at what is at hand.
    pub(super) async fn get_away(
        &self,
        key: &str,
        range: Option<Range<u64>>,
        limit: &AnswerLimit,
    ) -> Result<Bytes, Failure> {
        let path = self.path(key)?;
        if range.as_ref().is_some_and(|range| range.is_empty()) {
            self.head(key).await?;
            return Ok(Bytes::new());
        }
        let options = GetOptions {
            range: range.clone().map(GetRange::Bounded),
            ..GetOptions::default()
        };
        match self.storage.store.get_opts(&path, options).await {
            Ok(found) => self.read(found, limit).await,
            Err(error @ object_store::Error::NotFound { .. }) => Err(self.storage.explain(&error)),
            // Stores disagree on how they refuse a range that begins past the end.
            Err(error) => match range {
                Some(range) if self.head(key).await?.size <= range.start => Ok(Bytes::new()),
                _ => Err(self.storage.explain(&error)),
            },
        }
    }

    /// The object, where it is a file that the kernel has in memory.
    pub(super) fn get_at_hand(
        &self,
        reader: &mut at_hand::Reader,
        key: &str,
        range: Option<&Range<u64>>,
        limit: &AnswerLimit,
    ) -> Result<Option<Bytes>, Failure> {
        let Some(file) = self.file(key)? else {
            return Ok(None);
        };
        let Some(found) = reader.read(&file, range, limit.left()) else {
            return Ok(None);
        };
        limit.take(found.len() as u64)?;
        Ok(Some(found))
    }

    async fn read(&self, found: GetResult, limit: &AnswerLimit) -> Result<Bytes, Failure> {
        limit.take(found.range.end - found.range.start)?;
        found
            .bytes()
            .await
            .map_err(|error| self.storage.explain(&error))
    }

    /// As the platform's `head`.
    pub async fn head(&self, key: &str) -> Result<ObjectMeta, Failure> {
        let path = self.path(key)?;
        let meta = self
            .storage
            .store
            .head(&path)
            .await
            .map_err(|e| self.storage.explain(&e))?;
        Ok(described(key.into(), &meta))
    }

    /// As the platform's `put`; `mode` makes it `put-new`.
    pub async fn put(&self, key: &str, data: Vec<u8>, mode: PutMode) -> Result<(), Failure> {
        let path = self.path(key)?;
        let payload = PutPayload::from(data);
        let Storage { store, remote, .. } = self.storage;
        let put = match mode {
            PutMode::Create if *remote => creation::create(store, &path, payload).await,
            mode => store.put_opts(&path, payload, mode.into()).await.map(drop),
        };
        put.map_err(|error| explain_creation(&error, self.storage.place()))
    }

    /// As the platform's `delete`.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        self.delete_many(&[key]).await
    }

    /// As the platform's `delete-many`, of any number. After an error all others were tried, too.
    pub async fn delete_many(&self, keys: &[impl AsRef<str>]) -> Result<(), Failure> {
        let paths = keys.iter().map(|key| self.path(key.as_ref()).map(Ok));
        let paths: Vec<_> = paths.collect::<Result<_, _>>()?;
        let paths = futures::stream::iter(paths).boxed();
        let mut deleted = self.storage.store.delete_stream(paths);
        let mut answer = Ok(());
        while let Some(one) = deleted.next().await {
            let failed = one.err();
            let failed = failed.map(|error| explain_deletion(&error, self.storage.place()));
            if let Some(failure) = failed.filter(|failure| *failure != Failure::NotFound) {
                answer = Err(failure);
            }
        }
        answer
    }

    /// As the platform's `create`.
    pub fn create(&self, key: &str) -> Result<Writer, Failure> {
        let path = self.path(key)?;
        let store = Arc::clone(&self.storage.store);
        let part_bytes = match self.storage.remote {
            true => PART_BYTES,
            false => LOCAL_PART_BYTES,
        };
        let inner = BufWriter::with_capacity(store, path, part_bytes).with_max_concurrency(1);
        Ok(Writer {
            inner: Some(inner),
            place: Arc::clone(&self.storage.place),
            size: 0,
        })
    }

    pub(super) fn path(&self, key: &str) -> Result<Path, Failure> {
        check_key(key)?;
        parse(&format!("{}/{key}", self.tenant))
    }
}

pub(super) fn parse(path: &str) -> Result<Path, Failure> {
    Path::parse(path).map_err(|error| Failure::InvalidKey(error.to_string()))
}

pub(super) fn described(key: String, meta: &object_store::ObjectMeta) -> ObjectMeta {
    let modified_ms = meta.last_modified.timestamp_millis().max(0) as u64;
    ObjectMeta {
        key,
        size: meta.size,
        modified_ms,
    }
}

impl Writer {
    /// Adds `data` at the end.
    pub async fn write(&mut self, data: Vec<u8>) -> Result<(), Failure> {
        let length = data.len() as u64;
        let written = self.writer()?.put(data.into()).await;
        written.map_err(|error| explain(&error, &self.place))?;
        self.size += length;
        Ok(())
    }

    /// Makes the object visible and durable; answers its size.
    pub async fn finish(mut self) -> Result<u64, Failure> {
        self.writer()?;
        // One that fails to end has given its parts up itself, and panics when it is told to again.
        if let Some(mut ending) = self.inner.take() {
            let ended = ending.shutdown().await;
            ended.map_err(|error| explain(&cause(error), &self.place))?;
        }
        Ok(self.size)
    }

    fn writer(&mut self) -> Result<&mut BufWriter, Failure> {
        self.inner
            .as_mut()
            .ok_or_else(|| Failure::Unavailable("the writer has ended".into()))
    }
}

/// What the store said, which `BufWriter` tells as an I/O error.
fn cause(error: std::io::Error) -> object_store::Error {
    error
        .downcast()
        .unwrap_or_else(|error| object_store::Error::Generic {
            store: "writer",
            source: error.into(),
        })
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Some(mut unfinished) = self.inner.take() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            // An object that was never begun in parts has nothing to abort.
            if let Err(error) = unfinished.abort().await {
                tracing::warn!(%error, "an unfinished upload is left in the object store");
            }
        });
    }
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
