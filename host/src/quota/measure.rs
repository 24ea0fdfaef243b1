//! Measuring what a tenant has stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::storage::{Failure, OWN_FOLDER, Storage, now_ms};

/// A directory is walked anew for each page.
const PAGE: usize = 100_000;

/// What is stored for a tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes of all objects, those included that were superseded and are not deleted yet.
    pub stored_bytes: u64,
    /// Files.
    pub files: u64,
    /// Vector stores.
    pub stores: u64,
}

/// What was found to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// How much.
    pub usage: Usage,
    /// When the measurement began, in milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// Counts a tenant's objects by their names. Costs a listing of all of them, a hundred thousand at a time.
pub async fn measure(storage: &Storage, tenant: &str) -> Result<Measured, Failure> {
    let at_ms = now_ms();
    let objects = storage.of(tenant);
    let mut count = Count::default();
    let mut after: Option<String> = None;
    loop {
        let page = objects.list_up_to("", after.as_deref(), PAGE).await?;
        for object in &page {
            count.add(&object.key, object.size);
        }
        if page.len() < PAGE {
            break;
        }
        after = page.last().map(|object| object.key.clone());
    }
    Ok(Measured {
        usage: count.usage,
        at_ms,
    })
}

impl Measured {
    /// What was found last, by whichever host.
    pub async fn read(storage: &Storage, tenant: &str) -> Option<Self> {
        let objects = storage.of(OWN_FOLDER);
        let room = crate::storage::AnswerLimit::new(1 << 10);
        let bytes = objects.get(&key(tenant), None, &room).await.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Lets others, and the next start, know.
    pub async fn write(&self, storage: &Storage, tenant: &str) -> Result<(), Failure> {
        let data = serde_json::to_vec(self).unwrap_or_default();
        let objects = storage.of(OWN_FOLDER);
        let mode = object_store::PutMode::Overwrite;
        objects.put(&key(tenant), data, mode).await
    }

    /// How long ago it began.
    pub fn age(&self) -> Duration {
        Duration::from_millis(now_ms().saturating_sub(self.at_ms))
    }
}

fn key(tenant: &str) -> String {
    format!("usage/{tenant}.json")
}

/// Keys in order.
#[derive(Default)]
struct Count {
    usage: Usage,
    /// The store whose entry came last: one may have several lives.
    store: String,
}

impl Count {
    fn add(&mut self, key: &str, size: u64) {
        self.usage.stored_bytes += size;
        if is_file(key) {
            self.usage.files += 1;
        }
        let Some(store) = store_of(key) else {
            return;
        };
        if self.store != store {
            store.clone_into(&mut self.store);
            self.usage.stores += 1;
        }
    }
}

/// Whether there is a file because there is this object.
pub fn is_file(key: &str) -> bool {
    let mut segments = key.split('/');
    let names = [segments.next(), segments.nth(1), segments.next()];
    names == [Some("files"), Some("meta.json"), None]
}

/// The store that there is because there is this object.
pub fn store_of(key: &str) -> Option<&str> {
    let mut segments = key.strip_prefix("catalog/")?.split('/');
    let store = segments.nth(1)?;
    let is_entry = segments.next().is_some() && store.starts_with("vs_");
    is_entry.then_some(store)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::PutMode;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn a_tenant_s_objects_are_counted_and_no_other_s() {
        let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
        for (tenant, key, size) in [
            ("a", "files/f1/meta.json", 10),
            ("a", "files/f1/content", 100),
            ("a", "files/f2/parts/p1", 1_000),
            ("a", "stores/vs_1/l1/segments/s.arrow", 10_000),
            ("a", "catalog/00000000000/complete/complete", 1),
            ("a", "catalog/00000000001/vs_1/l1", 2),
            ("a", "catalog/00000000001/vs_1/l2", 2),
            ("b", "files/f1/meta.json", 5),
        ] {
            let objects = storage.of(tenant);
            let put = objects.put(key, vec![0; size], PutMode::Overwrite);
            put.await.unwrap();
        }
        let expected = Usage {
            stored_bytes: 11_115,
            files: 1,
            stores: 1,
        };
        let measured = measure(&storage, "a").await.unwrap();
        assert_eq!(measured.usage, expected);
        assert_eq!(Measured::read(&storage, "a").await, None);
        measured.write(&storage, "a").await.unwrap();
        assert_eq!(Measured::read(&storage, "a").await, Some(measured));
    }
}
