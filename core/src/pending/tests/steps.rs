use super::*;
use crate::testing::{Hooked, Op, make};

fn chance() -> Option<Lost> {
    Some(Lost::Chance("it trapped".to_owned()))
}

#[test]
fn a_step_that_was_ended_is_followed_by_the_next_at_once_any_number_of_times() {
    let objects = MemoryObjects::default();
    for step in 0..50 {
        // Every step by another host, and the clock stands still.
        let worker = worker(&step.to_string(), "1");
        let attempt = granted(claim_at(&objects, &worker, 0, None, step));
        assert_eq!(attempt.number(), step + 1);
        assert!(!attempt.succeeds_lost());
        attempt.release(&objects).unwrap();
    }
}

#[test]
fn lost_attempts_count_since_the_last_progress() {
    let objects = MemoryObjects::default();
    let worker = worker("a", "1");
    let mut granted = 0;
    for progress in [0, 10, 20] {
        for _ in 0..4 {
            assert!(is_granted(&claim_at(
                &objects,
                &worker,
                0,
                chance(),
                progress
            )));
            granted += 1;
        }
    }
    assert_eq!(granted, 12);
    // Five ended at 20: the last that began at 10, and all four that began there.
    let last = claim_at(&objects, &worker, 0, chance(), 20);
    assert!(matches!(last, Claim::Exhausted(_)), "{last:?}");
}

#[test]
fn what_ends_at_a_limit_goes_on_as_long_as_it_came_further() {
    let objects = MemoryObjects::default();
    let worker = worker("a", "1");
    let cpu = || Some(Lost::Deterministic("too slow".to_owned()));
    assert!(is_granted(&claim_at(&objects, &worker, 0, None, 0)));
    assert!(is_granted(&claim_at(&objects, &worker, 0, cpu(), 10)));
    assert!(is_granted(&claim_at(&objects, &worker, 0, cpu(), 20)));
    let last = claim_at(&objects, &worker, 0, cpu(), 20);
    assert!(matches!(last, Claim::Exhausted(reason) if reason == "too slow"));
}

#[test]
fn failures_of_others_count_for_nothing_and_excuse_no_losses() {
    let objects = MemoryObjects::default();
    let worker = worker("a", "1");
    let mut lost = 0;
    let reason = loop {
        for _ in 0..10 {
            match claim_at(&objects, &worker, 0, None, 7) {
                Claim::Granted(attempt) => attempt.give_up(&objects, "no answer").unwrap(),
                other => panic!("{other:?}"),
            }
        }
        granted(claim_at(&objects, &worker, 0, None, 7));
        lost += 1;
        match claim_at(&objects, &worker, 0, chance(), 7) {
            Claim::Granted(attempt) => attempt.give_up(&objects, "no answer").unwrap(),
            Claim::Exhausted(reason) => break reason,
            Claim::Held { .. } => panic!("it was lost"),
        }
    };
    assert_eq!(lost, 5);
    assert!(!reason.contains("no answer"), "{reason}");
}

#[test]
fn the_death_of_an_instance_whose_attempt_had_ended_counts_for_nothing() {
    let objects = MemoryObjects::default();
    let worker = worker("a", "1");
    for _ in 0..10 {
        granted(claim_at(&objects, &worker, 0, chance(), 0))
            .release(&objects)
            .unwrap();
    }
}

fn progress(chunks: u32) -> Progress {
    Progress {
        chunks,
        ..Progress::default()
    }
}

fn track(objects: &MemoryObjects) -> Track {
    Track::read(objects, &home(), "1").unwrap()
}

#[test]
fn the_newest_progress_is_read_and_older_records_go() {
    let objects = MemoryObjects::default();
    let mut own = track(&objects);
    assert_eq!(own.progress, Progress::default());
    for chunks in 1..30 {
        assert_eq!(
            own.record(&objects, 1, progress(chunks)).unwrap(),
            Recorded::Yes
        );
        assert_eq!(track(&objects).progress.chunks, chunks);
    }
    assert_eq!(objects.list_all("stores/").unwrap().len(), 2);
}

#[test]
fn of_two_attempts_that_go_on_from_one_record_one_writes_the_next() {
    let objects = MemoryObjects::default();
    let (mut old, mut new) = (track(&objects), track(&objects));
    assert_eq!(new.record(&objects, 2, progress(5)).unwrap(), Recorded::Yes);
    assert_eq!(
        old.record(&objects, 1, progress(9)).unwrap(),
        Recorded::Overtaken
    );
    assert_eq!(track(&objects).progress.chunks, 5);
}

#[test]
fn an_attempt_that_slept_through_pruning_records_nothing() {
    let objects = MemoryObjects::default();
    let (mut slow, mut new) = (track(&objects), track(&objects));
    for chunks in 1..10 {
        assert_eq!(
            new.record(&objects, 2, progress(chunks)).unwrap(),
            Recorded::Yes
        );
    }
    let before = objects.list_all("stores/").unwrap();
    assert_eq!(
        slow.record(&objects, 1, progress(99)).unwrap(),
        Recorded::Overtaken
    );
    assert_eq!(track(&objects).progress.chunks, 9);
    assert_eq!(objects.list_all("stores/").unwrap().len(), before.len());
}

#[test]
fn an_attempt_that_was_taken_over_from_records_nothing_more() {
    let objects = MemoryObjects::default();
    let mut old = track(&objects);
    assert_eq!(old.record(&objects, 1, progress(3)).unwrap(), Recorded::Yes);
    let mut new = track(&objects);
    // It records once more between the new one's reading and its taking over.
    assert_eq!(old.record(&objects, 1, progress(4)).unwrap(), Recorded::Yes);
    new.fence(&objects, 2).unwrap();
    assert_eq!(new.progress.chunks, 4, "nothing recorded is lost");
    assert_eq!(
        old.record(&objects, 1, progress(5)).unwrap(),
        Recorded::Overtaken
    );
    assert_eq!(new.record(&objects, 2, progress(6)).unwrap(), Recorded::Yes);
}

#[test]
fn a_fence_that_comes_after_the_end_begins_no_new_history() {
    let objects = MemoryObjects::default();
    let mut late = track(&objects);
    for chunks in 1..4 {
        late.record(&objects, 1, progress(chunks)).unwrap();
    }
    let mut newer = track(&objects);
    newer.fence(&objects, 2).unwrap();
    let slow = Hooked::interrupted(&objects, Op::List, || {
        objects.delete_all("stores/").unwrap();
    });
    let fenced = late.fence(&slow, 1);
    assert!(matches!(fenced, Err(PendingError::Held { .. })));
    assert_eq!(objects.list_all("stores/").unwrap(), []);
}

#[test]
fn what_depends_on_others_is_tried_again_for_a_time_and_then_says_for_how_long() {
    const HOUR_MS: u64 = 3_600_000;
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let home = make(platform, STORE);
    let pending = accept_one(platform, &home, &platform.new_id(""));
    let fail = || {
        let hold = take_up(platform, &home, &pending, &worker("a", "1"), None).unwrap();
        let error = LastError::server("The provider is away.");
        hold.map(|hold| {
            hold.end(Ending::Passing {
                error,
                patience_ms: HOUR_MS,
            })
            .unwrap();
        })
    };
    // Time in the queue counts for nothing.
    tenant.clock.advance(10 * HOUR_MS);
    for _ in 0..59 {
        assert!(fail().is_some());
        tenant.clock.advance(HOUR_MS / 60);
        assert_eq!(ended(platform, &home, &pending.ingest_id).unwrap(), None);
    }
    tenant.clock.advance(HOUR_MS / 60);
    assert!(fail().is_some());
    assert!(fail().is_none(), "it has ended");
    let failed = failed_of(platform, &home, "file-a").unwrap().unwrap();
    let message = failed.last_error.unwrap().message;
    assert!(
        message.contains("is away. It was tried again for 3600 seconds"),
        "{message}"
    );
}
