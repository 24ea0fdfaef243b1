use std::time::{Duration, Instant};

use serde::Deserialize;

use super::Queue;
use crate::identity::is_tenant;
use crate::platform::{Failure, Room, Storage};

const PAUSE: Duration = Duration::from_secs(30);
/// A sweep of many stores lists much, so that it may take at most a twentieth of the time.
const REST: u32 = 20;
const PAGE: u32 = 1_000;
/// A pending record is small; what is larger is none.
const MAX_RECORD: u64 = 1 << 20;

#[derive(Deserialize)]
struct Pending {
    status: String,
}

/// Finds, now and again and again, the ingestions that were accepted and are not finished,
/// whoever accepted them, and schedules them.
pub async fn run(storage: &Storage, queue: &Queue) {
    loop {
        let begun = Instant::now();
        match sweep(storage, queue).await {
            Ok(0) => {}
            Ok(found) => tracing::debug!(found, "pending ingestions"),
            Err(error) => tracing::warn!(%error, "the sweep for pending ingestions failed"),
        }
        tokio::time::sleep(PAUSE.max(begun.elapsed() * REST)).await;
    }
}

async fn sweep(storage: &Storage, queue: &Queue) -> Result<usize, Failure> {
    let mut found = 0;
    for tenant in storage.folders_anywhere("").await? {
        if !is_tenant(&tenant) {
            continue;
        }
        for store in storage.of(&tenant).folders("stores/").await? {
            found += sweep_store(storage, queue, &tenant, &store).await?;
        }
    }
    Ok(found)
}

async fn sweep_store(
    storage: &Storage,
    queue: &Queue,
    tenant: &str,
    store: &str,
) -> Result<usize, Failure> {
    let objects = storage.of(tenant);
    let prefix = format!("stores/{store}/pending/");
    let mut found = 0;
    let mut after: Option<String> = None;
    loop {
        let page = objects.list(&prefix, after.as_deref(), PAGE).await?;
        for meta in &page {
            let name = meta
                .key
                .strip_prefix(&prefix)
                .and_then(|name| name.strip_suffix(".json"));
            let Some(file) = name.filter(|name| !name.contains('/')) else {
                continue;
            };
            let record = match objects.get(&meta.key, None, &Room::new(MAX_RECORD)).await {
                Ok(record) => record,
                Err(Failure::NotFound) => continue,
                Err(failure) => return Err(failure),
            };
            let pending: Result<Pending, _> = serde_json::from_slice(&record);
            if pending.is_ok_and(|pending| pending.status == "in_progress") {
                queue.schedule(tenant, store, file);
                found += 1;
            }
        }
        if page.len() < PAGE as usize {
            return Ok(found);
        }
        after = page.last().map(|meta| meta.key.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::PutMode;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn unfinished_ingestions_of_all_tenants_are_found() {
        let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
        for (tenant, key, record) in [
            (
                "a",
                "stores/vs_1/pending/f1.json",
                r#"{"status":"in_progress"}"#,
            ),
            ("a", "stores/vs_1/pending/f2.json", r#"{"status":"failed"}"#),
            ("a", "stores/vs_1/pending/f3.json", "not JSON"),
            (
                "a",
                "stores/vs_1/pending/f1/attempt.json",
                r#"{"status":"in_progress"}"#,
            ),
            (
                "b",
                "stores/vs_2/pending/f4.json",
                r#"{"status":"in_progress","more":1}"#,
            ),
            (
                "b",
                "stores/vs_2/manifest/1.json",
                r#"{"status":"in_progress"}"#,
            ),
        ] {
            storage
                .of(tenant)
                .put(key, record.into(), PutMode::Create)
                .await
                .unwrap();
        }
        let queue = Queue::default();
        assert_eq!(sweep(&storage, &queue).await.unwrap(), 2);
        let (first, _) = queue.next().await;
        let (second, _) = queue.next().await;
        assert_eq!((first.tenant.as_str(), first.file.as_str()), ("a", "f1"));
        assert_eq!(
            (second.store.as_str(), second.file.as_str()),
            ("vs_2", "f4")
        );
    }
}
