use std::sync::Arc;

use dayfly_core::api::RebuildStatus;
use dayfly_core::rebuild::Progress;
use object_store::memory::InMemory;

use super::*;

fn with_queue(test: impl FnOnce(&Queue)) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
    test(&Queue::new(&storage, runtime.handle()));
}

fn asked(factory: Option<&str>, automatic: bool) -> RebuildRequest {
    RebuildRequest {
        factory: factory.map(str::to_owned),
        automatic,
    }
}

#[test]
fn a_job_is_asked_for_once_followed_and_removed() {
    with_queue(|queue| {
        assert_eq!(
            queue.status("t", "vs_1").unwrap().status,
            RebuildStatus::Idle
        );
        queue
            .request("t", "vs_1", &asked(Some("SQ8"), false))
            .unwrap();
        queue.request("t", "vs_1", &asked(None, false)).unwrap();
        queue.request("u", "vs_1", &asked(None, true)).unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!(waiting.len(), 2);
        assert_eq!(waiting[0].job.factory.as_deref(), Some("SQ8"));
        assert_eq!(
            queue.status("t", "vs_1").unwrap().status,
            RebuildStatus::Queued
        );
        let progress = Progress {
            done: 3,
            of: 9,
            ..Progress::default()
        };
        let noted = Noted::now(progress, Some(5), Some(6));
        queue.note(&waiting[0], &noted).unwrap();
        let status = queue.status("t", "vs_1").unwrap();
        assert_eq!(
            (status.status, status.rows_done),
            (RebuildStatus::InProgress, 3)
        );
        assert_eq!(
            (status.memory_bytes, status.seconds_left),
            (Some(5), Some(6))
        );
        let mut again = waiting[0].clone();
        again.job = again.job.failed("no memory", false, now_ms());
        queue.update(&again).unwrap();
        let status = queue.status("t", "vs_1").unwrap();
        assert_eq!((status.status, status.step), (RebuildStatus::Queued, None));
        queue.end(&waiting[0]).unwrap();
        assert_eq!(
            queue.status("t", "vs_1").unwrap().status,
            RebuildStatus::Idle
        );
        assert_eq!(queue.waiting().unwrap().len(), 1);
    });
}

#[test]
fn a_failure_stays_in_sight_until_somebody_asks_again() {
    with_queue(|queue| {
        queue.request("t", "vs_1", &asked(None, true)).unwrap();
        let mut queued = queue.waiting().unwrap().remove(0);
        queued.job = queued.job.failed("no such kind", true, now_ms());
        queue.update(&queued).unwrap();
        assert_eq!(queue.waiting().unwrap(), []);
        assert_eq!(
            queue.counts(),
            Counts {
                queued: 0,
                failed: 1
            }
        );
        let automatic = queue.request("t", "vs_1", &asked(None, true)).unwrap();
        assert_eq!(automatic.status, RebuildStatus::Failed);
        assert_eq!(automatic.message.as_deref(), Some("no such kind"));
        let wanted = queue.request("t", "vs_1", &asked(None, false)).unwrap();
        assert_eq!(wanted.status, RebuildStatus::Queued);
        // The old job's worker changes nothing of the new one.
        queue.update(&queued).unwrap();
        queue.end(&queued).unwrap();
        assert_eq!(queue.waiting().unwrap().len(), 1);
    });
}

#[test]
fn a_damaged_record_is_no_job() {
    with_queue(|queue| {
        let damaged = "rebuilds/t/vs_1/018f0000000/job.json";
        queue.own().put(damaged, b"not JSON").unwrap();
        assert_eq!(queue.waiting().unwrap(), []);
        queue.request("t", "vs_1", &asked(None, true)).unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!(waiting.len(), 1);
        queue.end(&waiting[0]).unwrap();
        assert!(queue.own().head(damaged).is_err());
    });
}

#[test]
fn a_job_that_has_ended_stays_so_however_late_its_record_is_written() {
    with_queue(|queue| {
        queue.request("t", "vs_1", &asked(None, true)).unwrap();
        let queued = queue.waiting().unwrap().remove(0);
        queue.end(&queued).unwrap();
        let late = serde_json::to_vec(&queued.job).unwrap();
        queue.own().put(&queued.place().job(), &late).unwrap();
        assert_eq!(
            queue.status("t", "vs_1").unwrap().status,
            RebuildStatus::Idle
        );
        assert_eq!(queue.waiting().unwrap(), []);
        // It was cleared away, and the mark of its end stays.
        assert!(queue.own().head(&queued.place().job()).is_err());
        assert!(queue.own().head(&queued.place().end()).is_ok());
    });
}

#[test]
fn of_two_jobs_of_a_store_the_newer_one_is_done_and_ends_both() {
    with_queue(|queue| {
        queue.create("t", "vs_1", Some("Flat".to_owned())).unwrap();
        queue.create("t", "vs_1", Some("SQ8".to_owned())).unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].job.factory.as_deref(), Some("SQ8"));
        queue.end(&waiting[0]).unwrap();
        assert_eq!(queue.waiting().unwrap(), []);
    });
}

#[test]
fn a_failure_that_is_told_late_does_not_undo_a_request_to_try_again() {
    with_queue(|queue| {
        queue.request("t", "vs_1", &asked(None, true)).unwrap();
        let mut queued = queue.waiting().unwrap().remove(0);
        let first = queued.job.clone();
        queued.job = first.clone().failed("away", false, now_ms());
        queue.update(&queued).unwrap();
        queue.request("t", "vs_1", &asked(None, false)).unwrap();
        queued.job = first.failed("still away", true, now_ms());
        queue.update(&queued).unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!((waiting.len(), waiting[0].job.rounds), (1, 1));
    });
}

#[test]
fn what_was_asked_for_of_a_store_that_is_gone_goes() {
    with_queue(|queue| {
        let objects = queue.tenant("t");
        crate::testing::store(&objects, "vs_1");
        queue.request("t", "vs_1", &asked(None, true)).unwrap();
        queue.request("t", "vs_2", &asked(None, true)).unwrap();
        queue.remove_orphans().unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].store, "vs_1");
        let mut failed = waiting[0].clone();
        failed.job = failed.job.failed("no such kind", true, now_ms());
        queue.update(&failed).unwrap();
        queue.remove_orphans().unwrap();
        assert_eq!(
            queue.status("t", "vs_1").unwrap().status,
            RebuildStatus::Failed
        );
        // Another life of the store begins after it.
        std::thread::sleep(Duration::from_millis(2));
        let manifest = store::existing(objects.platform(), "vs_1").unwrap();
        store::delete(objects.platform(), &manifest).unwrap();
        crate::testing::store(&objects, "vs_1");
        queue.remove_orphans().unwrap();
        assert_eq!(
            queue.status("t", "vs_1").unwrap().status,
            RebuildStatus::Idle
        );
    });
}

#[test]
fn a_job_that_was_the_only_record_of_its_store_gets_a_folder() {
    with_queue(|queue| {
        let job = Job::new("018f00000000000000000000000".to_owned(), None, 1);
        let data = serde_json::to_vec(&job).unwrap();
        let former = "rebuilds/t/vs_1/job.json";
        queue.own().put(former, &data).unwrap();
        queue.waiting().unwrap();
        assert!(queue.own().head(former).is_err());
        assert_eq!(queue.waiting().unwrap()[0].job, job);
    });
}

#[test]
fn tenants_take_turns_however_many_stores_one_has() {
    with_queue(|queue| {
        for number in 0..30 {
            queue
                .request("many", &format!("vs_{number:02}"), &asked(None, true))
                .unwrap();
        }
        queue.request("few", "vs_1", &asked(None, true)).unwrap();
        queue.request("few", "vs_2", &asked(None, true)).unwrap();
        let waiting = queue.waiting().unwrap();
        assert_eq!(waiting.len(), 32);
        let tenants: Vec<&str> = waiting.iter().map(|one| one.tenant.as_str()).collect();
        for turn in tenants[..4].chunks(2) {
            assert!(
                turn.contains(&"few") && turn.contains(&"many"),
                "{tenants:?}"
            );
        }
    });
}
