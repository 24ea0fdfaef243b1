use std::time::{Duration, Instant};

use dayfly_core::pending::Ticket;
use dayfly_core::store::QUEUE;

use super::Queue;
use crate::identity::is_tenant;
use crate::platform::{Failure, Storage};

const PAUSE: Duration = Duration::from_secs(30);
/// There is more than is known at once: what was found will soon be done.
const PAUSE_WHEN_FULL: Duration = Duration::from_secs(3);
/// A sweep of many tenants lists much, so that it may take at most a twentieth of the time.
const REST: u32 = 20;
const PAGE: u32 = 1_000;

/// Finds, now and again, the ingestions that were accepted and are not finished, whoever accepted
/// them, and schedules them.
pub async fn run(storage: &Storage, queue: &Queue) {
    loop {
        let begun = Instant::now();
        let pause = match sweep(storage, queue).await {
            Ok(swept) => {
                if swept.found > 0 {
                    tracing::debug!(found = swept.found, "pending ingestions");
                }
                match swept.is_whole {
                    true => PAUSE,
                    false => PAUSE_WHEN_FULL,
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the sweep for pending ingestions failed");
                PAUSE
            }
        };
        tokio::time::sleep(pause.max(begun.elapsed() * REST)).await;
    }
}

/// What a sweep came to.
#[derive(Debug, PartialEq, Eq)]
struct Swept {
    /// Ingestions that are scheduled now.
    found: usize,
    /// Whether those are all.
    is_whole: bool,
}

/// What stops it at one tenant does not stop it for the others.
async fn sweep(storage: &Storage, queue: &Queue) -> Result<Swept, Failure> {
    let mut all = Swept {
        found: 0,
        is_whole: true,
    };
    for tenant in storage.folders_anywhere("").await? {
        if !is_tenant(&tenant) {
            continue;
        }
        match sweep_tenant(storage, queue, &tenant).await {
            Ok(swept) => {
                all.found += swept.found;
                all.is_whole &= swept.is_whole;
            }
            Err(error) => {
                tracing::warn!(%error, tenant, "a tenant's pending ingestions cannot be listed");
            }
        }
    }
    Ok(all)
}

/// Reads names alone: what has failed is not among them, and what has ended is soon taken away.
async fn sweep_tenant(storage: &Storage, queue: &Queue, tenant: &str) -> Result<Swept, Failure> {
    let objects = storage.of(tenant);
    let mut found = 0;
    let mut after: Option<String> = None;
    loop {
        let page = objects.list(QUEUE, after.as_deref(), PAGE).await?;
        for ticket in page.iter().filter_map(|meta| Ticket::parse(&meta.key)) {
            if !queue.schedule(tenant, &ticket.store, &ticket.file_id) {
                return Ok(Swept {
                    found,
                    is_whole: false,
                });
            }
            found += 1;
        }
        if page.len() < PAGE as usize {
            return Ok(Swept {
                found,
                is_whole: true,
            });
        }
        after = page.last().map(|meta| meta.key.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::PutMode;

    use super::super::failing::{Failing, Operation};
    use super::*;

    async fn storage(fails: fn(Operation, &str) -> bool, keys: &[(&str, &str)]) -> Storage {
        let storage = Storage::new(Arc::new(Failing::new(fails)), "memory".into(), false);
        for (tenant, key) in keys {
            let objects = storage.of(tenant);
            let put = objects.put(key, b"{}".to_vec(), PutMode::Overwrite);
            put.await.unwrap();
        }
        storage
    }

    fn reading(operation: Operation, _: &str) -> bool {
        operation == Operation::Get
    }

    #[tokio::test]
    async fn unfinished_ingestions_of_all_tenants_are_found_by_their_names() {
        let keys = [
            ("a", "queue/vs_1/i1/f1/1.json"),
            ("a", "queue/vs_1/i1/f1/2.json"),
            ("a", "queue/vs_1/i1/strange.json"),
            ("a", "stores/vs_1/i1/failed/f2/3.json"),
            ("b", "queue/vs_2/i1/f4/1.json"),
            (".own", "queue/vs_2/i1/f5/1.json"),
        ];
        let storage = storage(reading, &keys).await;
        let queue = Queue::default();
        let all = Swept {
            found: 3,
            is_whole: true,
        };
        assert_eq!(sweep(&storage, &queue).await.unwrap(), all);
        let (first, _) = queue.next().await;
        let (second, _) = queue.next().await;
        assert_eq!((first.tenant.as_str(), first.file.as_str()), ("a", "f1"));
        assert_eq!(
            (second.store.as_str(), second.file.as_str()),
            ("vs_2", "f4")
        );
    }

    #[tokio::test]
    async fn a_tenant_that_cannot_be_listed_does_not_end_the_sweep_for_the_others() {
        let keys = [
            ("a", "queue/vs_1/i1/f1/1.json"),
            ("b", "queue/vs_1/i1/f2/1.json"),
        ];
        let fails = |operation, path: &str| operation == Operation::List && path.starts_with("a/");
        let storage = storage(fails, &keys).await;
        let queue = Queue::default();
        let swept = sweep(&storage, &queue).await.unwrap();
        assert_eq!((swept.found, swept.is_whole), (1, true));
        assert_eq!(queue.next().await.0.tenant, "b");
    }

    #[tokio::test]
    async fn what_did_not_fit_is_found_once_there_is_room() {
        let names: Vec<String> = (0..1_100)
            .map(|number| format!("queue/vs_1/i1/f{number:04}/1.json"))
            .collect();
        let keys: Vec<(&str, &str)> = names.iter().map(|name| ("a", name.as_str())).collect();
        let storage = storage(reading, &keys).await;
        let queue = Arc::new(Queue::default());
        let swept = sweep(&storage, &queue).await.unwrap();
        assert_eq!((swept.found, swept.is_whole), (1_000, false));
        for (_, key) in keys.iter().take(500) {
            let (job, _) = queue.next().await;
            queue.finish(job, super::super::Progress::Done);
            let objects = storage.of("a");
            objects.delete(key).await.unwrap();
        }
        let swept = sweep(&storage, &queue).await.unwrap();
        assert_eq!((swept.found, swept.is_whole), (600, true));
    }
}
