use std::collections::HashMap;
use std::time::{Duration, Instant};

use dayfly_core::error::ApiError;
use dayfly_core::store;
use tokio::runtime::Handle;

use crate::identity::is_tenant;
use crate::platform::{Blocking, Failure, Storage};
use crate::rebuild::now_ms;

/// Garbage is removed an hour after it was made, or a little later.
const PAUSE: Duration = Duration::from_secs(600);
/// A look at many stores lists much, so that it may take at most a hundredth of the time.
const REST: u32 = 100;

/// Removes, now and again, what stores that nobody changes any more leave behind: commits remove
/// their own garbage, and there are none.
pub async fn run(storage: &Storage) {
    // Versions at which there is nothing to remove any more.
    let mut clean = HashMap::new();
    loop {
        let begun = Instant::now();
        if let Err(error) = look(storage, &mut clean).await {
            tracing::warn!(%error, "the garbage of idle stores cannot be removed");
        }
        tokio::time::sleep(PAUSE.max(begun.elapsed() * REST)).await;
    }
}

type Clean = HashMap<(String, String), u64>;

async fn look(storage: &Storage, clean: &mut Clean) -> Result<(), Failure> {
    let mut present = Clean::new();
    for tenant in storage.folders_anywhere("").await? {
        if !is_tenant(&tenant) {
            continue;
        }
        for store in storage.of(&tenant).folders("stores/").await? {
            let key = (tenant.clone(), store);
            let known = clean.get(&key).copied();
            match collect(storage, &key, known).await {
                Ok(version) => {
                    let version = version.or(known);
                    present.extend(version.map(|version| (key, version)));
                }
                Err(error) => {
                    tracing::warn!(%error, tenant, store = key.1, "a store's garbage stays for now");
                }
            }
        }
    }
    *clean = present;
    Ok(())
}

async fn collect(
    storage: &Storage,
    (tenant, store): &(String, String),
    known: Option<u64>,
) -> Result<Option<u64>, ApiError> {
    let objects = Blocking::new(storage, tenant, &Handle::current());
    let store = store.clone();
    let work = move || store::collect(&objects, &store, known, now_ms());
    match tokio::task::spawn_blocking(work).await {
        Ok(collected) => collected,
        Err(error) => Err(ApiError::unavailable(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dayfly_core::objects::Objects;
    use dayfly_core::store::{Embedding, Garbage, Manifest, StoreInfo, keys};
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn the_garbage_of_an_idle_store_goes_and_is_looked_for_once() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
        let objects = Blocking::new(&storage, "t", runtime.handle());
        let info = StoreInfo {
            id: "vs_1".into(),
            name: None,
            created_at: 1,
            metadata: Default::default(),
            expires_after: None,
            embedding: Embedding {
                model: "m".into(),
                dimension: None,
                metric: "cosine".into(),
            },
        };
        let mut manifest = Manifest::first(info, 1);
        let key = "stores/vs_1/segments/old.arrow";
        manifest.garbage.push(Garbage {
            key: key.into(),
            version: 1,
            since_ms: 1,
        });
        objects.put(key, b"x").unwrap();
        let data = serde_json::to_vec(&manifest).unwrap();
        objects.put(&keys::manifest("vs_1", 1), &data).unwrap();
        let mut clean = Clean::new();
        runtime.block_on(look(&storage, &mut clean)).unwrap();
        assert!(objects.head(key).is_err());
        assert_eq!(clean[&("t".to_owned(), "vs_1".to_owned())], 1);
        // Put there by nobody who knows the store: it is not looked for again.
        objects.put(key, b"x").unwrap();
        runtime.block_on(look(&storage, &mut clean)).unwrap();
        assert!(objects.head(key).is_ok());
    }
}
