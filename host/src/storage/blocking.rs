//! Storage for code that blocks, which is all of `core`.

use std::ops::Range;

use dayfly_core::objects::limits::CONCURRENT_GETS;
use dayfly_core::objects::{ObjectError, ObjectMeta, ObjectWriter, Objects, Part};
use object_store::PutMode;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::objects::{AnswerLimit, Storage, TenantObjects, Writer};

/// So many threads at once may wait for storage. Storage reads files on threads of the same pool,
/// which has 512: whoever waits for it must never take the last of them.
const WAITING: usize = 128;

static WAITING_ROOM: Semaphore = Semaphore::const_new(WAITING);

/// Does what waits for storage, as all of `core` does, on a thread that may wait. Waits for such a
/// thread first, where too many wait already.
///
/// Errors: its panic.
pub async fn run_waiting<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    // Nobody closes it. The thread counts until it ends, whoever has gone away meanwhile.
    let permit = WAITING_ROOM.acquire().await.ok();
    let work = move || {
        let _permit = permit;
        work()
    };
    tokio::task::spawn_blocking(work).await
}

/// A tenant's objects for code that blocks, which is all of `core`: on a thread that may, never on
/// one of the runtime's workers.
#[derive(Clone)]
pub struct Blocking {
    storage: Storage,
    tenant: String,
    runtime: Handle,
}

impl Blocking {
    /// Confines to `tenant`, which has to be a tenant's name.
    pub fn new(storage: &Storage, tenant: &str, runtime: &Handle) -> Self {
        Self {
            storage: storage.clone(),
            tenant: tenant.to_owned(),
            runtime: runtime.clone(),
        }
    }

    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    pub(super) fn objects(&self) -> TenantObjects<'_> {
        self.storage.of(&self.tenant)
    }

    fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<Vec<u8>, ObjectError> {
        let limit = AnswerLimit::new(u64::MAX);
        let get = self.objects();
        let data = self.runtime.block_on(get.get(key, range, &limit))?;
        Ok(data.into())
    }
}

impl Objects for Blocking {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.read(key, None)
    }

    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.read(key, Some(range))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        use futures::StreamExt;
        let (objects, limit) = (self.objects(), AnswerLimit::new(u64::MAX));
        let get = async |(key, range): &Part| {
            let range = range.clone();
            Ok(objects.get(key, range, &limit).await?.into())
        };
        let all = futures::stream::iter(parts)
            .map(get)
            .buffered(CONCURRENT_GETS);
        self.runtime.block_on(all.collect())
    }

    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.runtime.block_on(self.objects().head(key))
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        let objects = self.objects();
        self.runtime
            .block_on(objects.put(key, data.to_vec(), PutMode::Overwrite))
    }

    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        let objects = self.objects();
        self.runtime
            .block_on(objects.put(key, data.to_vec(), PutMode::Create))
    }

    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        let objects = self.objects();
        self.runtime
            .block_on(objects.list(prefix, start_after, limit))
    }

    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.runtime.block_on(self.objects().folders(prefix))
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.runtime.block_on(self.objects().delete(key))
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), ObjectError> {
        self.runtime.block_on(self.objects().delete_many(keys))
    }

    /// In one go, not page by page.
    fn list_all(&self, prefix: &str) -> Result<Vec<ObjectMeta>, ObjectError> {
        let objects = self.objects();
        self.runtime
            .block_on(objects.list_up_to(prefix, None, usize::MAX))
    }

    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        let writer = {
            let _entered = self.runtime.enter();
            self.objects().create(key)?
        };
        Ok(Box::new(BlockingWriter {
            writer: Some(writer),
            runtime: self.runtime.clone(),
        }))
    }
}

struct BlockingWriter {
    writer: Option<Writer>,
    runtime: Handle,
}

impl ObjectWriter for BlockingWriter {
    fn write(&mut self, data: &[u8]) -> Result<(), ObjectError> {
        match &mut self.writer {
            Some(writer) => self.runtime.block_on(writer.write(data.to_vec())),
            None => Err(ended()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<u64, ObjectError> {
        let writer = self.writer.take().ok_or_else(ended)?;
        self.runtime.block_on(writer.finish())
    }
}

impl Drop for BlockingWriter {
    /// A writer that is given up cleans up on the runtime.
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        drop(self.writer.take());
    }
}

fn ended() -> ObjectError {
    ObjectError::Unavailable("the writer has ended".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::{Arc, Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    /// More than the pool has threads.
    const TASKS: usize = 700;

    /// Holds everybody up until it is opened.
    #[derive(Default)]
    struct Gate {
        is_open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn pass(&self) {
            let is_open = self.is_open.lock().unwrap();
            let passed = self.opened.wait_while(is_open, |is_open| !*is_open);
            drop(passed.unwrap());
        }

        fn open(&self) {
            *self.is_open.lock().unwrap() = true;
            self.opened.notify_all();
        }
    }

    /// As many tasks as that begin, and only then all of them wait for the pool.
    async fn all_at_once(runtime: Handle) {
        let (gate, begun) = (Arc::<Gate>::default(), Arc::<AtomicUsize>::default());
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let (runtime, gate, begun) =
                    (runtime.clone(), Arc::clone(&gate), Arc::clone(&begun));
                tokio::spawn(async move {
                    let waits = run_waiting(move || {
                        gate.pass();
                        runtime.block_on(tokio::task::spawn_blocking(move || number))
                    });
                    begun.fetch_add(1, SeqCst);
                    waits.await
                })
            })
            .collect();
        while begun.load(SeqCst) < TASKS {
            tokio::task::yield_now().await;
        }
        gate.open();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().unwrap().unwrap(), number);
        }
    }

    #[test]
    fn those_who_wait_for_the_pool_never_fill_it() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let all = all_at_once(runtime.handle().clone());
        let all = async { tokio::time::timeout(Duration::from_secs(60), all).await };
        let outcome = runtime.block_on(all);
        runtime.shutdown_background();
        assert!(outcome.is_ok(), "they wait for each other");
    }
}
