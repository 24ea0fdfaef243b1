//! The platform's `objects`.

use std::ops::Range;

use dayfly_core::objects;
use dayfly_core::objects::limits::{
    CONCURRENT_PUTS, MAX_ANSWER, MAX_CREATED, MAX_DELETED, MAX_PARTS, MAX_WRITERS,
};
use futures::StreamExt;
use object_store::PutMode;
use wasmtime::component::Resource;

use super::bindings::dayfly::platform::objects::{
    ByteRange, Error, Host, HostWriter, NewObject, ObjectMeta, Part,
};
use super::{Instance, View};
use crate::identity::Scope;
use crate::quota::Kind;
use crate::storage::{AnswerLimit, Failure, Storage, TenantObjects, Writer};

impl Instance {
    /// For reading. Whoever may write has to read, too: which answers a token without the scope
    /// `read` gets is decided by the request, before anything is read for it.
    pub(super) fn readable(&self) -> Result<TenantObjects<'_>, Failure> {
        let principal = self
            .bound
            .as_ref()
            .ok_or_else(|| Failure::Denied("the instance has not authenticated".into()))?;
        let storage: &Storage = &self.platform.storage;
        Ok(storage.of(&principal.tenant))
    }

    fn writable(&self) -> Result<TenantObjects<'_>, Failure> {
        let objects = self.readable()?;
        let scopes = self.bound.as_ref().map(|principal| &principal.scopes);
        if scopes.is_some_and(|scopes| scopes.contains(&Scope::Write)) {
            return Ok(objects);
        }
        Err(Failure::Denied(
            "the token lacks the scope `write`: `dayfly token issue --scope write` gives it".into(),
        ))
    }
}

/// An object in the making, and its key.
pub struct Written {
    writer: Writer,
    key: String,
    /// What was counted of it.
    bytes: u64,
}

impl Instance {
    async fn put(&self, key: &str, data: Vec<u8>, mode: PutMode) -> Result<(), Failure> {
        let objects = self.writable()?;
        let bytes = data.len() as u64;
        self.admit(key, bytes).await?;
        let put = objects.put(key, data, mode).await;
        self.settle(key, bytes, put.is_ok());
        put
    }

    /// Counts what is about to be written against the tenant's quota.
    async fn admit(&self, key: &str, bytes: u64) -> Result<(), Failure> {
        let kind = match is_more(key) {
            true => Kind::More,
            false => Kind::Upkeep,
        };
        let (ledger, tenant) = (&self.platform.ledger, self.tenant());
        ledger.admit(tenant, &self.quota, key, bytes, kind).await
    }

    /// Whether what was counted is there.
    fn settle(&self, key: &str, bytes: u64, is_there: bool) {
        let (ledger, tenant) = (&self.platform.ledger, self.tenant());
        match is_there {
            true => ledger.done(tenant, key, bytes),
            false => ledger.give_back(tenant, key, bytes),
        }
    }
}

/// Whether an object at `key` is something that the tenant wants to have in addition: files, stores,
/// ingestions, batches of them, and their rows. All else may be what a deletion needs, or keeps in order what there is.
fn is_more(key: &str) -> bool {
    let folder = key.split('/').next().unwrap_or_default();
    let is_segment = |(_, name): (&str, &str)| !name.starts_with("seg-m-");
    let is_batch = |(_, name): (&str, &str)| name.ends_with(".json");
    matches!(folder, "files" | "catalog" | "queue")
        || key.split_once("/batches/").is_some_and(is_batch)
        || key.split_once("/segments/").is_some_and(is_segment)
}

impl Host for View<'_> {
    async fn get(&mut self, key: String, range: Option<ByteRange>) -> Result<Vec<u8>, Error> {
        let (objects, limit) = (self.instance.readable()?, AnswerLimit::new(MAX_ANSWER));
        let found = objects.get(&key, range.map(ends), &limit).await?;
        Ok(found.into())
    }

    async fn get_many(&mut self, parts: Vec<Part>) -> Vec<Result<Vec<u8>, Error>> {
        match self.instance.readable() {
            Ok(objects) => get_many(&objects, parts).await,
            Err(failure) => refuse(parts.len(), &failure),
        }
    }

    async fn head(&mut self, key: String) -> Result<ObjectMeta, Error> {
        Ok(self.instance.readable()?.head(&key).await?.into())
    }

    async fn put(&mut self, key: String, data: Vec<u8>) -> Result<(), Error> {
        Ok(self.instance.put(&key, data, PutMode::Overwrite).await?)
    }

    async fn put_new(&mut self, key: String, data: Vec<u8>) -> Result<(), Error> {
        Ok(self.instance.put(&key, data, PutMode::Create).await?)
    }

    async fn put_new_many(&mut self, objects: Vec<NewObject>) -> Vec<Result<(), Error>> {
        if objects.len() > MAX_CREATED {
            let failure =
                Failure::TooLarge(format!("one call creates at most {MAX_CREATED} objects"));
            return refuse(objects.len(), &failure);
        }
        let instance = &*self.instance;
        futures::stream::iter(objects)
            .map(async |NewObject { key, data }| {
                Ok(instance.put(&key, data, PutMode::Create).await?)
            })
            .buffered(CONCURRENT_PUTS)
            .collect()
            .await
    }

    async fn list(
        &mut self,
        prefix: String,
        start_after: Option<String>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let objects = self.instance.readable()?;
        let found = objects.list(&prefix, start_after.as_deref(), limit).await?;
        Ok(found.into_iter().map(ObjectMeta::from).collect())
    }

    async fn folders(&mut self, prefix: String) -> Result<Vec<String>, Error> {
        Ok(self.instance.readable()?.folders(&prefix).await?)
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        Ok(self.instance.writable()?.delete(&key).await?)
    }

    async fn delete_many(&mut self, keys: Vec<String>) -> Result<(), Error> {
        let objects = self.instance.writable()?;
        if keys.len() > MAX_DELETED {
            return Err(Error::TooLarge(format!(
                "one call deletes at most {MAX_DELETED} objects"
            )));
        }
        Ok(objects.delete_many(&keys).await?)
    }

    async fn create(&mut self, key: String) -> Result<Resource<Written>, Error> {
        let View { instance, table } = self;
        if instance.writers == MAX_WRITERS {
            return Err(Error::Unavailable(format!(
                "an instance has at most {MAX_WRITERS} objects in the making"
            )));
        }
        let writer = instance.writable()?.create(&key)?;
        let handle = table
            .push(Written {
                writer,
                key,
                bytes: 0,
            })
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        instance.writers += 1;
        Ok(handle)
    }
}

impl HostWriter for View<'_> {
    async fn write(&mut self, writer: Resource<Written>, data: Vec<u8>) -> Result<(), Error> {
        let View { instance, table } = self;
        let Written { writer, key, bytes } = table
            .get_mut(&writer)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        instance.admit(key, data.len() as u64).await?;
        *bytes += data.len() as u64;
        Ok(writer.write(data).await?)
    }

    async fn finish(&mut self, this: Resource<Written>) -> Result<u64, Error> {
        let View { instance, table } = self;
        let Written { writer, key, bytes } = table
            .delete(this)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        instance.writers = instance.writers.saturating_sub(1);
        let finished = writer.finish().await;
        instance.settle(&key, bytes, finished.is_ok());
        Ok(finished?)
    }

    async fn drop(&mut self, writer: Resource<Written>) -> wasmtime::Result<()> {
        let View { instance, table } = self;
        let Written { key, bytes, .. } = table.delete(writer)?;
        instance.settle(&key, bytes, false);
        instance.writers = instance.writers.saturating_sub(1);
        Ok(())
    }
}

/// Answers in order. All answers together are bounded like a single one; parts past the bound
/// are too large.
async fn get_many(objects: &TenantObjects<'_>, parts: Vec<Part>) -> Vec<Result<Vec<u8>, Error>> {
    if parts.len() > MAX_PARTS {
        let failure = Failure::TooLarge(format!("one call gets at most {MAX_PARTS} parts"));
        return refuse(parts.len(), &failure);
    }
    let parts = parts
        .into_iter()
        .map(|part| (part.key, part.range.map(ends)));
    let limit = AnswerLimit::new(MAX_ANSWER);
    let found = objects.get_many(&parts.collect::<Vec<_>>(), &limit).await;
    let found = found.into_iter();
    found.map(|data| Ok(data?.into())).collect()
}

pub(super) fn ends(range: ByteRange) -> Range<u64> {
    range.offset..range.offset.saturating_add(range.length)
}

impl From<objects::ObjectMeta> for ObjectMeta {
    fn from(meta: objects::ObjectMeta) -> Self {
        Self {
            key: meta.key,
            size: meta.size,
            modified_ms: meta.modified_ms,
        }
    }
}

fn refuse<T>(count: usize, failure: &Failure) -> Vec<Result<T, Error>> {
    (0..count).map(|_| Err(failure.clone().into())).collect()
}

#[cfg(test)]
mod tests {
    use super::is_more;

    #[test]
    fn what_a_deletion_or_upkeep_writes_is_never_refused() {
        for key in [
            "files/f/content",
            "files/f/parts/p",
            "files/f/meta.json",
            "catalog/1/vs_1/l",
            "queue/vs_1/l/f/i.json",
            "stores/vs_1/l/segments/seg-1a2b-0.arrow",
            "stores/vs_1/l/batches/vsfb_1.json",
        ] {
            assert!(is_more(key), "{key}");
        }
        for key in [
            "uploads/u/end.json",
            "work/delete-store/vs_1",
            "stores/vs_1/manifest/00000000000000000001.json",
            "stores/vs_1/l/segments/seg-m-1a2b.arrow",
            "stores/vs_1/l/dead/s.roaring",
            "stores/vs_1/l/garbage/1.json",
            "stores/vs_1/l/ended/i.json",
            "stores/vs_1/l/batches/vsfb_1.cancelled",
        ] {
            assert!(!is_more(key), "{key}");
        }
    }
}
