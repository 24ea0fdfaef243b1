use futures::StreamExt;
use object_store::PutMode;
use wasmtime::component::Resource;

use super::bindings::dayfly::platform::objects::{
    ByteRange, Error, Host, HostWriter, ObjectMeta, Part,
};
use super::storage::{MAX_ANSWER, Room, TenantObjects, Writer};
use super::{Failure, Instance, Storage};
use crate::identity::Scope;
use crate::runtime::State;

/// `get`s of one `get-many` under way at once.
const CONCURRENT_GETS: usize = 16;
const MAX_PARTS: usize = 10_000;
/// Keys of one `delete-many`.
const MAX_DELETED: usize = 1_000;
/// Each buffers a part of its object on the host.
const MAX_WRITERS: u32 = 4;

impl Instance {
    /// For reading. Whoever may write has to read, too: which answers a token without the scope
    /// `read` gets is decided by the request, before anything is read for it.
    fn readable(&self) -> Result<TenantObjects<'_>, Failure> {
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

impl Host for State {
    async fn get(&mut self, key: String, range: Option<ByteRange>) -> Result<Vec<u8>, Error> {
        let found = self
            .platform
            .readable()?
            .get(&key, range, &Room::new(MAX_ANSWER))
            .await?;
        Ok(found.into())
    }

    async fn get_many(&mut self, parts: Vec<Part>) -> Vec<Result<Vec<u8>, Error>> {
        match self.platform.readable() {
            Ok(objects) => get_many(&objects, parts).await,
            Err(failure) => refuse(parts.len(), &failure),
        }
    }

    async fn head(&mut self, key: String) -> Result<ObjectMeta, Error> {
        Ok(self.platform.readable()?.head(&key).await?)
    }

    async fn put(&mut self, key: String, data: Vec<u8>) -> Result<(), Error> {
        let objects = self.platform.writable()?;
        Ok(objects.put(&key, data, PutMode::Overwrite).await?)
    }

    async fn put_new(&mut self, key: String, data: Vec<u8>) -> Result<(), Error> {
        Ok(self
            .platform
            .writable()?
            .put(&key, data, PutMode::Create)
            .await?)
    }

    async fn list(
        &mut self,
        prefix: String,
        start_after: Option<String>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let objects = self.platform.readable()?;
        Ok(objects.list(&prefix, start_after.as_deref(), limit).await?)
    }

    async fn folders(&mut self, prefix: String) -> Result<Vec<String>, Error> {
        Ok(self.platform.readable()?.folders(&prefix).await?)
    }

    async fn delete(&mut self, key: String) -> Result<(), Error> {
        Ok(self.platform.writable()?.delete(&key).await?)
    }

    async fn delete_many(&mut self, keys: Vec<String>) -> Result<(), Error> {
        let objects = self.platform.writable()?;
        if keys.len() > MAX_DELETED {
            return Err(Error::TooLarge(format!(
                "one call deletes at most {MAX_DELETED} objects"
            )));
        }
        Ok(objects.delete_many(&keys).await?)
    }

    async fn create(&mut self, key: String) -> Result<Resource<Writer>, Error> {
        let (instance, table) = self.platform();
        if instance.writers == MAX_WRITERS {
            return Err(Error::Unavailable(format!(
                "an instance has at most {MAX_WRITERS} objects in the making"
            )));
        }
        let writer = instance.writable()?.create(&key)?;
        let handle = table
            .push(writer)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        instance.writers += 1;
        Ok(handle)
    }
}

impl HostWriter for State {
    async fn write(&mut self, writer: Resource<Writer>, data: Vec<u8>) -> Result<(), Error> {
        let (_, table) = self.platform();
        let writer = table
            .get_mut(&writer)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(writer.write(data).await?)
    }

    async fn finish(&mut self, this: Resource<Writer>) -> Result<u64, Error> {
        let (instance, table) = self.platform();
        let writer = table
            .delete(this)
            .map_err(|error| Error::Unavailable(error.to_string()))?;
        instance.writers = instance.writers.saturating_sub(1);
        Ok(writer.finish().await?)
    }

    async fn drop(&mut self, writer: Resource<Writer>) -> wasmtime::Result<()> {
        let (instance, table) = self.platform();
        table.delete(writer)?;
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
    let room = Room::new(MAX_ANSWER);
    let get = async |part: Part| Ok(objects.get(&part.key, part.range, &room).await?.into());
    futures::stream::iter(parts)
        .map(get)
        .buffered(CONCURRENT_GETS)
        .collect()
        .await
}

fn refuse(count: usize, failure: &Failure) -> Vec<Result<Vec<u8>, Error>> {
    (0..count).map(|_| Err(failure.clone().into())).collect()
}
