//! The platform's own objects, beside the tenants: the probe's.

use std::future::Future;
use std::ops::Range;

use dayfly_core::objects::{
    OWN_FOLDER, ObjectError, ObjectMeta, ObjectWriter, Objects, Obstacle, Part,
};
use dayfly_core::platform::Clock;
use dayfly_core::probe::{self, Contest};
use futures::future::join_all;

use super::{Bytes, Client, TenantObjects, Transport};

/// Runs futures to their end.
pub trait Wait {
    /// What `future` gives.
    fn wait<F: Future>(&self, future: F) -> F::Output;
}

impl<T: Transport> Client<T> {
    /// Whoever is about to create an object where none is relies on the storage to let one writer
    /// win. So the bucket is probed, the first time that anybody writes to it: a marker in it says
    /// that it was. Costs one request where it has been, and none once this client knows.
    ///
    /// # Errors
    /// When the storage cannot be relied on; the text is for its operator.
    pub fn ensure_sound(&self, wait: impl Wait) -> Result<(), ObjectError> {
        if self.sound.get() {
            return Ok(());
        }
        let own = Own {
            objects: self.of(OWN_FOLDER),
            wait,
        };
        // With its endpoint.
        let bucket = self.config.bucket.base_url().as_str();
        probe::ensure(&own, &own, &own, bucket).map_err(|error| {
            let error = ObjectError::from(error);
            self.transport
                .log(&format!("{}: {error}", self.config.place));
            error
        })?;
        self.sound.set(true);
        Ok(())
    }
}

/// The platform's own objects, no tenant's, for code that blocks.
struct Own<'a, T, W> {
    objects: TenantObjects<'a, T>,
    wait: W,
}

impl<T: Transport, W: Wait> Contest for Own<'_, T, W> {
    fn put_new_at_once(&self, key: &str, contents: &[Vec<u8>]) -> Vec<Result<(), ObjectError>> {
        let writers = contents
            .iter()
            .map(|content| self.objects.put_new(key, content));
        self.wait.wait(join_all(writers))
    }
}

impl<T: Transport, W: Wait> Clock for Own<'_, T, W> {
    fn now_ms(&self) -> u64 {
        self.objects.client.transport.now_ms()
    }

    fn random(&self) -> u64 {
        self.objects.client.transport.random()
    }

    fn pause(&self, milliseconds: u64) {
        let pause = std::time::Duration::from_millis(milliseconds);
        self.wait.wait(self.objects.client.transport.sleep(pause));
    }
}

impl<T: Transport, W: Wait> Objects for Own<'_, T, W> {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.wait.wait(self.objects.get(key, None))
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.wait.wait(self.objects.get(key, Some(bytes(&range))))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let part = |(key, range): &Part| (key.clone(), range.as_ref().map(bytes));
        let parts = parts.iter().map(part).collect();
        self.wait.wait(self.objects.get_many(parts))
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.wait.wait(self.objects.head(key))
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.wait.wait(self.objects.put(key, data))
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.wait.wait(self.objects.put_new(key, data))
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.wait
            .wait(self.objects.list(prefix, start_after, limit))
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.wait.wait(self.objects.folders(prefix))
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.wait.wait(self.objects.delete(key))
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        self.wait.wait(self.objects.delete_many(keys))
    }

    fn create(&self, _key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        let text = "the platform's own objects are written in one piece";
        Err(ObjectError::unusable(Obstacle::Unsupported, text))
    }
}

fn bytes(range: &Range<u64>) -> Bytes {
    Bytes {
        offset: range.start,
        length: range.end.saturating_sub(range.start),
    }
}
