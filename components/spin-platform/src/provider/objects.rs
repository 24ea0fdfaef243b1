//! The platform's `objects`, on S3.

use std::cell::RefCell;

use dayfly_core::objects::limits::{MAX_CREATED, MAX_DELETED, MAX_WRITERS};
use dayfly_core::objects::{ObjectError, ObjectMeta as Meta, Obstacle};
use spin_executor::run;

use super::Provider;
use super::bindings::exports::dayfly::platform::objects::{
    self, ByteRange, Error, Guest, GuestWriter, NewObject, ObjectMeta, Part, Writer,
};
use super::instance::Instance;
use crate::s3::{Bytes, Upload, Wait};

impl Guest for Provider {
    type Writer = UploadWriter;

    fn get(key: String, range: Option<ByteRange>) -> Result<Vec<u8>, Error> {
        let objects = Instance::get().readable()?;
        Ok(run(objects.get(&key, range.map(Bytes::from)))?)
    }

    fn get_many(parts: Vec<Part>) -> Vec<Result<Vec<u8>, Error>> {
        let objects = match Instance::get().readable() {
            Ok(objects) => objects,
            Err(error) => return parts.iter().map(|_| Err(error.clone().into())).collect(),
        };
        let parts = parts.into_iter();
        let parts = parts.map(|part| (part.key, part.range.map(Bytes::from)));
        let found = run(objects.get_many(parts.collect()));
        let found = found.into_iter();
        found.map(|data| data.map_err(Error::from)).collect()
    }

    fn head(key: String) -> Result<ObjectMeta, Error> {
        let objects = Instance::get().readable()?;
        Ok(run(objects.head(&key))?.into())
    }

    fn put(key: String, data: Vec<u8>) -> Result<(), Error> {
        let objects = Instance::get().writable()?;
        Ok(run(objects.put(&key, &data))?)
    }

    fn put_new(key: String, data: Vec<u8>) -> Result<(), Error> {
        let instance = Instance::get();
        let objects = instance.writable()?;
        instance.client()?.ensure_sound(Executor)?;
        Ok(run(objects.put_new(&key, &data))?)
    }

    fn put_new_many(objects: Vec<NewObject>) -> Vec<Result<(), Error>> {
        let count = objects.len();
        put_new_many(objects).unwrap_or_else(|error| vec![Err(error); count])
    }

    fn list(
        prefix: String,
        start_after: Option<String>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, Error> {
        let objects = Instance::get().readable()?;
        let found = run(objects.list(&prefix, start_after.as_deref(), limit))?;
        Ok(found.into_iter().map(ObjectMeta::from).collect())
    }

    fn folders(prefix: String) -> Result<Vec<String>, Error> {
        let objects = Instance::get().readable()?;
        Ok(run(objects.folders(&prefix))?)
    }

    fn delete(key: String) -> Result<(), Error> {
        let objects = Instance::get().writable()?;
        Ok(run(objects.delete(&key))?)
    }

    fn delete_many(keys: Vec<String>) -> Result<(), Error> {
        let objects = Instance::get().writable()?;
        if keys.len() > MAX_DELETED {
            return Err(Error::TooLarge(format!(
                "one call deletes at most {MAX_DELETED} objects"
            )));
        }
        Ok(run(objects.delete_many(&keys))?)
    }

    fn create(key: String) -> Result<Writer, Error> {
        let instance = Instance::get();
        if instance.writers.get() == MAX_WRITERS {
            return Err(Error::Unavailable(format!(
                "an instance has at most {MAX_WRITERS} objects in the making"
            )));
        }
        let upload = instance.writable()?.create(&key)?;
        instance.writers.set(instance.writers.get() + 1);
        Ok(Writer::new(UploadWriter(RefCell::new(Some(upload)))))
    }
}

fn put_new_many(objects: Vec<NewObject>) -> Result<Vec<Result<(), Error>>, Error> {
    if objects.len() > MAX_CREATED {
        return Err(Error::TooLarge(format!(
            "one call creates at most {MAX_CREATED} objects"
        )));
    }
    let instance = Instance::get();
    let to = instance.writable()?;
    instance.client()?.ensure_sound(Executor)?;
    let objects = objects.into_iter().map(|new| (new.key, new.data));
    let answers = run(to.put_new_many(objects.collect()));
    let answers = answers.into_iter();
    Ok(answers.map(|answer| answer.map_err(Error::from)).collect())
}

/// Spin's.
struct Executor;

impl Wait for Executor {
    fn wait<F: Future>(&self, future: F) -> F::Output {
        run(future)
    }
}

/// An object in the making, which is given up when it is dropped unfinished.
pub struct UploadWriter(RefCell<Option<Upload>>);

impl GuestWriter for UploadWriter {
    fn write(&self, data: Vec<u8>) -> Result<(), Error> {
        let mut upload = self.0.borrow_mut();
        let upload = upload.as_mut().ok_or_else(ended)?;
        Ok(run(upload.write(Instance::get().client()?, &data))?)
    }

    fn finish(this: Writer) -> Result<u64, Error> {
        let writer: Self = this.into_inner();
        let upload = writer.0.take().ok_or_else(ended)?;
        Ok(run(upload.finish(Instance::get().client()?))?)
    }
}

impl Drop for UploadWriter {
    fn drop(&mut self) {
        let instance = Instance::get();
        instance
            .writers
            .set(instance.writers.get().saturating_sub(1));
        if let (Some(mut upload), Ok(client)) = (self.0.take(), instance.client()) {
            run(upload.abort(client));
        }
    }
}

fn ended() -> Error {
    Error::Unavailable("the writer has ended".to_owned())
}

impl From<ByteRange> for Bytes {
    fn from(range: ByteRange) -> Self {
        Self {
            offset: range.offset,
            length: range.length,
        }
    }
}

impl From<Meta> for ObjectMeta {
    fn from(meta: Meta) -> Self {
        Self {
            key: meta.key,
            size: meta.size,
            modified_ms: meta.modified_ms,
        }
    }
}

impl From<ObjectError> for Error {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::NotFound => Self::NotFound,
            ObjectError::AlreadyExists => Self::AlreadyExists,
            ObjectError::Denied(text) => Self::Denied(text),
            ObjectError::InvalidKey(text) => Self::InvalidKey(text),
            ObjectError::TooLarge(text) => Self::TooLarge(text),
            ObjectError::OutOfSpace(text) => Self::OutOfSpace(text),
            ObjectError::OverQuota(text) => Self::OverQuota(text),
            ObjectError::Unavailable(text) => Self::Unavailable(text),
            ObjectError::Unusable { obstacle, text } => Self::Unusable(objects::Unusable {
                obstacle: obstacle.into(),
                text,
            }),
        }
    }
}

impl From<Obstacle> for objects::Obstacle {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            Obstacle::NoSuchBucket => Self::NoSuchBucket,
            Obstacle::Unsupported => Self::Unsupported,
            Obstacle::Refused => Self::Refused,
        }
    }
}
