//! Finding ingestions that nobody works on.

use std::time::{Duration, Instant};

use dayfly_core::home::QUEUE;
use dayfly_core::pending::Ticket;

use crate::identity::is_tenant;
use crate::queue::JobQueue;
use crate::storage::{Failure, Storage};

const PAUSE: Duration = Duration::from_secs(30);
/// A sweep of many tenants lists much, so that it may take at most a twentieth of the time.
const REST: u32 = 20;
const PAGE: u32 = 1_000;

/// Finds, now and again, the ingestions that were accepted and are not finished, whoever accepted
/// them, and schedules them.
pub async fn run(storage: &Storage, queue: &JobQueue) {
    loop {
        let begun = Instant::now();
        if let Err(error) = sweep(storage, queue).await {
            tracing::warn!(%error, "the sweep for pending ingestions failed");
        }
        tokio::time::sleep(PAUSE.max(begun.elapsed() * REST)).await;
    }
}

/// Fetches more of a tenant's ingestions whenever few of those are left that fitted.
pub async fn fetch(storage: &Storage, queue: &JobQueue) {
    loop {
        let tenant = queue.starved().await;
        look_for(storage, queue, &tenant).await;
    }
}

/// What stops it at one tenant does not stop it for the others.
async fn sweep(storage: &Storage, queue: &JobQueue) -> Result<(), Failure> {
    for tenant in storage.folders_anywhere("").await? {
        if is_tenant(&tenant) {
            look_for(storage, queue, &tenant).await;
        }
    }
    Ok(())
}

/// Where it fails, the next sweep tries again.
async fn look_for(storage: &Storage, queue: &JobQueue, tenant: &str) {
    if let Err(error) = list(storage, queue, tenant).await {
        tracing::warn!(%error, tenant, "a tenant's pending ingestions cannot be listed");
    }
}

/// Goes on where the last listing stopped, until no more fit or there are none. Reads names alone:
/// what has failed is not among them, and what has ended is soon taken away.
async fn list(storage: &Storage, queue: &JobQueue, tenant: &str) -> Result<(), Failure> {
    let objects = storage.of(tenant);
    let Some(mut after) = queue.look_after(tenant) else {
        return Ok(());
    };
    loop {
        let page = objects.list(QUEUE, after.as_deref(), PAGE).await?;
        for meta in &page {
            let ticket = Ticket::parse(&meta.key);
            let fits =
                ticket.is_none_or(|ticket| queue.find(tenant, &ticket.store, &ticket.file_id));
            if !fits {
                queue.note_overflow(tenant, after);
                return Ok(());
            }
            after = Some(meta.key.clone());
        }
        let is_end = page.len() < PAGE as usize;
        if is_end && !queue.end_overflow(tenant) {
            return Ok(());
        }
        if is_end {
            after = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use futures::FutureExt;
    use object_store::PutMode;

    use super::*;
    use crate::queue::{Progress, Turn};
    use crate::storage::failing::{Failing, Operation};

    async fn storage(fails: fn(Operation, &str) -> bool, keys: &[(&str, &str)]) -> Storage {
        let storage = Storage::new(Arc::new(Failing::new(fails)), "memory".into(), false);
        for (tenant, key) in keys {
            put(&storage, tenant, key).await;
        }
        storage
    }

    async fn put(storage: &Storage, tenant: &str, key: &str) {
        let objects = storage.of(tenant);
        let put = objects.put(key, b"{}".to_vec(), PutMode::Overwrite);
        put.await.unwrap();
    }

    fn queue() -> Arc<JobQueue> {
        let queue = Arc::new(JobQueue::default());
        queue.open(2);
        queue
    }

    fn next(queue: &Arc<JobQueue>) -> Option<Turn> {
        queue.next().now_or_never()
    }

    fn reading(operation: Operation, _: &str) -> bool {
        operation == Operation::Get
    }

    /// Works on all that is known, and takes its records away.
    async fn work(storage: &Storage, queue: &Arc<JobQueue>, done: &mut BTreeSet<String>) {
        while let Some(turn) = next(queue) {
            let job = &turn.job;
            let key = format!("queue/{}/i1/{}/1.json", job.store, job.file);
            storage.of(&job.tenant).delete(&key).await.unwrap();
            assert!(done.insert(job.file.clone()), "{} came twice", job.file);
            turn.finish(Progress::Done);
        }
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
        let queue = queue();
        sweep(&storage, &queue).await.unwrap();
        let turns = [next(&queue).unwrap(), next(&queue).unwrap()];
        let jobs = turns.map(|turn| (turn.job.tenant, turn.job.store, turn.job.file));
        let job = |tenant: &str, store: &str, file: &str| {
            (tenant.into(), store.to_owned(), file.to_owned())
        };
        assert_eq!(jobs, [job("a", "vs_1", "f1"), job("b", "vs_2", "f4")]);
        assert!(next(&queue).is_none());
    }

    #[tokio::test]
    async fn a_tenant_that_cannot_be_listed_does_not_end_the_sweep_for_the_others() {
        let keys = [
            ("a", "queue/vs_1/i1/f1/1.json"),
            ("b", "queue/vs_1/i1/f2/1.json"),
        ];
        let fails = |operation, path: &str| operation == Operation::List && path.starts_with("a/");
        let storage = storage(fails, &keys).await;
        let queue = queue();
        sweep(&storage, &queue).await.unwrap();
        assert_eq!(&*next(&queue).unwrap().job.tenant, "b");
    }

    #[tokio::test]
    async fn what_does_not_fit_is_fetched_as_jobs_end_and_without_a_sweep() {
        const ALL: usize = 3_500;
        let names: Vec<String> = (0..ALL)
            .map(|number| format!("queue/vs_1/i1/f{number:04}/1.json"))
            .collect();
        let keys: Vec<(&str, &str)> = names.iter().map(|name| ("a", name.as_str())).collect();
        let storage = storage(reading, &keys).await;
        let queue = queue();
        sweep(&storage, &queue).await.unwrap();
        assert_eq!(queue.figures().waiting, 1_000);
        assert_eq!(queue.figures().overflowing, 1);
        let mut done = BTreeSet::new();
        while done.len() < ALL {
            let before = done.len();
            while let Some(tenant) = queue.starved().now_or_never() {
                look_for(&storage, &queue, &tenant).await;
                assert!(queue.figures().waiting <= 1_000);
            }
            work(&storage, &queue, &mut done).await;
            assert!(done.len() > before, "{before} and no more");
        }
        // The last listing finds that there are none.
        while let Some(tenant) = queue.starved().now_or_never() {
            look_for(&storage, &queue, &tenant).await;
        }
        assert_eq!(queue.figures().overflowing, 0);
    }

    #[tokio::test]
    async fn what_was_refused_before_the_place_of_the_listing_is_fetched_too() {
        let names: Vec<String> = (0..1_500)
            .map(|number| format!("queue/vs_5/i1/f{number:04}/1.json"))
            .collect();
        let keys: Vec<(&str, &str)> = names.iter().map(|name| ("a", name.as_str())).collect();
        let storage = storage(reading, &keys).await;
        let queue = queue();
        sweep(&storage, &queue).await.unwrap();
        put(&storage, "a", "queue/vs_1/i1/early/1.json").await;
        queue.schedule("a", "vs_1", "early");
        let mut done = BTreeSet::new();
        for _ in 0..4 {
            work(&storage, &queue, &mut done).await;
            while let Some(tenant) = queue.starved().now_or_never() {
                look_for(&storage, &queue, &tenant).await;
            }
        }
        assert!(done.contains("early") && done.len() == 1_501);
    }

    #[tokio::test]
    async fn a_tenant_with_enough_jobs_is_not_listed_again_by_a_sweep() {
        let listed = |operation, path: &str| operation == Operation::List && path.starts_with("a/");
        let storage = storage(listed, &[("b", "queue/vs_1/i1/f2/1.json")]).await;
        let queue = queue();
        for number in 0..=1_000 {
            queue.schedule("a", "vs_1", &number.to_string());
        }
        assert!(list(&storage, &queue, "a").await.is_ok());
        let turn = next(&queue).unwrap();
        turn.finish(Progress::Done);
        assert!(list(&storage, &queue, "a").await.is_ok());
    }
}
