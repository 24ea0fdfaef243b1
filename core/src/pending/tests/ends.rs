//! How ingestions end, and that they do so once.

use super::*;
use crate::ops;
use crate::store::{self, StoreError, add_file, delete, existing, finish_deletion, take_out};
use crate::testing::{Hooked, entry, keys, make, write_segment};

fn accepted() -> (Tenant, Home) {
    let tenant = Tenant::default();
    let home = make(tenant.platform(), STORE);
    accept_one(tenant.platform(), &home, "1");
    (tenant, home)
}

pub(super) fn hold_of<'a>(platform: Platform<'a>, home: &Home, pending: &'a Pending) -> Hold<'a> {
    let lost = Some(Lost::Chance("it seemed so".to_owned()));
    let hold = take_up(platform, home, pending, &worker("a", "1"), lost);
    hold.unwrap().unwrap()
}

pub(super) fn commit(
    platform: Platform<'_>,
    home: &Home,
    hold: &Hold<'_>,
) -> Result<(), PendingError> {
    let ingest_id = &hold.pending().ingest_id;
    let id = format!("{}0", segment_prefix(ingest_id));
    let rows = [("text".to_owned(), vec![1.0, 0.5])];
    let segments = [write_segment(platform, home, &id, "file-a", 0, &rows)];
    let file = entry("file-a", ingest_id, &segments);
    add_file(platform, home, &file, &segments, |replaced| {
        hold.before_commit(replaced)
    })
    .map(drop)
}

pub(super) fn status(platform: Platform<'_>, home: &Home) -> Option<Status> {
    let listed = ops::look(platform, home, "file-a").unwrap();
    listed.map(|listed| listed.status())
}

pub(super) fn fail(hold: Hold<'_>) -> Result<(), PendingError> {
    hold.end(Ending::Failed(LastError::server("no")))
}

pub(super) fn nothing_is_left(tenant: &Tenant, home: &Home) {
    let newest = existing(tenant.platform(), STORE).unwrap();
    let strange = store::unreachable(tenant.platform(), &newest, &Default::default());
    assert_eq!(strange.unwrap(), []);
    assert_eq!(keys(&tenant.objects, &home.queue()), Vec::<String>::new());
}

#[test]
fn an_ingestion_that_is_committed_leaves_its_end_and_nothing_else() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    assert_eq!(status(platform, &home), Some(Status::InProgress));
    let hold = hold_of(platform, &home, &pending);
    commit(platform, &home, &hold).unwrap();
    hold.end(Ending::Committed).unwrap();
    assert_eq!(status(platform, &home), Some(Status::Completed));
    assert_eq!(ended(platform, &home, "1").unwrap(), Some(End::Completed));
    nothing_is_left(&tenant, &home);
    // Whoever has the record from before does nothing.
    let again = take_up(platform, &home, &pending, &worker("b", "1"), None).unwrap();
    assert!(again.is_none());
    assert_eq!(status(platform, &home), Some(Status::Completed));
}

#[test]
fn one_that_fails_is_in_sight_until_its_file_is_attached_again() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    fail(hold_of(platform, &home, &pending)).unwrap();
    assert_eq!(status(platform, &home), Some(Status::Failed));
    let failed = failed_of(platform, &home, "file-a").unwrap().unwrap();
    assert_eq!(failed.last_error, Some(LastError::server("no")));
    nothing_is_left(&tenant, &home);
    let file = files::read(platform.objects, "file-a").unwrap();
    let chunking = crate::chunk::ChunkingStrategy::Auto;
    let attached = ops::attach(platform, &home, &file, Default::default(), chunking).unwrap();
    assert!(attached.is_new);
    assert_eq!(status(platform, &home), Some(Status::InProgress));
    let again = ops::attach(platform, &home, &file, Default::default(), chunking).unwrap();
    assert_eq!((again.is_new, again.pending), (false, attached.pending));
}

#[test]
fn a_late_worker_does_not_touch_a_newer_ingestion_of_the_same_file() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    let late = hold_of(platform, &home, &pending);
    let cancelled = ops::detach(platform, &home, "file-a").unwrap();
    ops::finish_detach(platform, &home, &cancelled).unwrap();
    let newer = accept_one(platform, &home, "2");
    assert_eq!(commit(platform, &home, &late), Err(PendingError::Cancelled));
    late.end(Ending::Stopped(PendingError::Cancelled)).unwrap();
    assert_eq!(under_way(platform, &home), Some(newer.clone()));
    let hold = hold_of(platform, &home, &newer);
    commit(platform, &home, &hold).unwrap();
    hold.end(Ending::Committed).unwrap();
    assert_eq!(status(platform, &home), Some(Status::Completed));
    nothing_is_left(&tenant, &home);
}

#[test]
fn a_late_failure_does_not_bring_back_a_file_that_was_taken_out() {
    for is_concluded in [false, true] {
        let (tenant, home) = accepted();
        let platform = tenant.platform();
        let pending = under_way(platform, &home).unwrap();
        let late = hold_of(platform, &home, &pending);
        let cancelled = ops::detach(platform, &home, "file-a").unwrap();
        if is_concluded {
            ops::finish_detach(platform, &home, &cancelled).unwrap();
        }
        fail(late).unwrap();
        assert_eq!(status(platform, &home), None);
        assert_eq!(ended(platform, &home, "1").unwrap(), Some(End::Untold));
        ops::finish_detach(platform, &home, &cancelled).unwrap();
        assert_eq!(all_failed(platform, &home).unwrap(), []);
        nothing_is_left(&tenant, &home);
    }
}

#[test]
fn one_that_is_failing_while_it_is_cancelled_is_gone() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    // It has decided that it failed, and stalls before it says so.
    let slow = Hooked::interrupted(&tenant.objects, Op::Put, || {
        let cancelled = ops::detach(platform, &home, "file-a").unwrap();
        ops::finish_detach(platform, &home, &cancelled).unwrap();
        assert_eq!(status(platform, &home), None);
    });
    let through = tenant.through(&slow);
    decide(
        platform,
        &home,
        "1",
        End::Failed {
            error: LastError::server("no"),
        },
    )
    .unwrap();
    let end = ended(platform, &home, "1").unwrap().unwrap();
    conclude(through, &home, &pending.ticket(&home), &end).unwrap();
    assert_eq!(status(platform, &home), None);
    assert_eq!(all_failed(platform, &home).unwrap(), []);
}

#[test]
fn what_commits_while_it_is_cancelled_is_gone_or_never_there() {
    for op in [Op::Get, Op::List, Op::PutNew] {
        let (tenant, home) = accepted();
        let platform = tenant.platform();
        let pending = under_way(platform, &home).unwrap();
        let hold = hold_of(platform, &home, &pending);
        let slow = Hooked::interrupted(&tenant.objects, op, || {
            let cancelled = ops::detach(platform, &home, "file-a").unwrap();
            ops::finish_detach(platform, &home, &cancelled).unwrap();
        });
        let ended = commit(tenant.through(&slow), &home, &hold);
        assert_eq!(ended, Err(PendingError::Cancelled), "{op:?}");
        assert_eq!(status(platform, &home), None);
        hold.end(Ending::Stopped(PendingError::Cancelled)).unwrap();
        crate::testing::check(platform, STORE);
    }
}

#[test]
fn a_record_that_comes_late_removes_nothing_whatever_stands_in_its_place() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    let mut late = hold_of(platform, &home, &pending);
    let next = hold_of(platform, &home, &pending);
    commit(platform, &home, &next).unwrap();
    let newest = existing(platform, STORE).unwrap();
    next.end(Ending::Committed).unwrap();
    // Somebody who read the progress before there was any records his after it was forgotten.
    let mut zombie = Track::read(platform.objects, &home, "1").unwrap();
    zombie.fence(platform.objects, 2).unwrap();
    let segments = newest
        .segments
        .iter()
        .map(|segment| segment.meta.clone())
        .collect();
    let came = Progress {
        segments,
        ..Progress::default()
    };
    assert!(late.record(&came).is_err());
    crate::testing::check(platform, STORE);
}

#[test]
fn one_that_came_and_is_cancelled_half_way_takes_the_place_of_earlier_failures() {
    for is_taken_out in [false, true] {
        let (tenant, home) = accepted();
        let platform = tenant.platform();
        let failing = under_way(platform, &home).unwrap();
        fail(hold_of(platform, &home, &failing)).unwrap();
        let file = files::read(platform.objects, "file-a").unwrap();
        let chunking = crate::chunk::ChunkingStrategy::Auto;
        ops::attach(platform, &home, &file, Default::default(), chunking).unwrap();
        let pending = under_way(platform, &home).unwrap();
        let hold = hold_of(platform, &home, &pending);
        commit(platform, &home, &hold).unwrap();
        // Who takes the file out dies on the way, and so did who ingested it.
        decide(platform, &home, &pending.ingest_id, End::Cancelled).unwrap();
        if is_taken_out {
            assert!(take_out(platform, &home, "file-a").unwrap());
        }
        let again = take_up(platform, &home, &pending, &worker("b", "1"), None).unwrap();
        assert!(again.is_none());
        assert_eq!(failed_of(platform, &home, "file-a").unwrap(), None);
        let left = (!is_taken_out).then_some(Status::Completed);
        assert_eq!(status(platform, &home), left);
        nothing_is_left(&tenant, &home);
    }
}

#[test]
fn an_empty_file_that_failed_is_not_committed_by_a_late_worker() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    let hold = hold_of(platform, &home, &pending);
    let file = entry("file-a", "1", &[]);
    // It has looked whether it is wanted, and stalls before it commits.
    let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, || {
        fail(hold_of(platform, &home, &pending)).unwrap();
    });
    let through = tenant.through(&slow);
    let late = add_file(through, &home, &file, &[], |_| hold.ensure_wanted());
    assert_eq!(late.map(drop), Err(PendingError::Cancelled));
    assert_eq!(status(platform, &home), Some(Status::Failed));
    assert_eq!(existing(platform, STORE).unwrap().totals.files, 0);
}

#[test]
fn a_file_that_is_deleted_is_never_committed() {
    for op in [Op::Get, Op::PutNew] {
        let (tenant, home) = accepted();
        let platform = tenant.platform();
        let pending = under_way(platform, &home).unwrap();
        let hold = hold_of(platform, &home, &pending);
        let slow = Hooked::interrupted(&tenant.objects, op, || {
            ops::delete_file(platform, "file-a").unwrap();
        });
        let late = commit(tenant.through(&slow), &home, &hold);
        assert_eq!(late, Err(PendingError::Cancelled));
        hold.end(Ending::Stopped(PendingError::Cancelled)).unwrap();
        assert_eq!(status(platform, &home), None);
        ops::finish_file_deletion(platform, "file-a").unwrap();
        assert_eq!(keys(&tenant.objects, "files/"), Vec::<String>::new());
        nothing_is_left(&tenant, &home);
    }
}

#[test]
fn a_failure_that_was_dismissed_and_is_noted_late_is_not_seen_and_goes() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let home = make(platform, STORE);
    let pending = accept_one(platform, &home, &platform.new_id(""));
    let error = LastError::server("no");
    decide(platform, &home, &pending.ingest_id, End::Failed { error }).unwrap();
    let cancelled = ops::detach(platform, &home, "file-a").unwrap();
    ops::finish_detach(platform, &home, &cancelled).unwrap();
    // Its writer was slow, and died before it looked whether anybody wants to know.
    failed::note(platform, &home, &pending).unwrap();
    assert_eq!(status(platform, &home), None);
    tenant.clock.advance(86_400_000);
    forget_old_ends(platform, &home).unwrap();
    assert_eq!(all_failed(platform, &home).unwrap(), []);
    nothing_is_left(&tenant, &home);
}

#[test]
fn ends_are_forgotten_after_a_day_and_not_before_their_ingestion_is_over() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let home = make(platform, STORE);
    let new = || platform.new_id("");
    let (over, open) = (new(), new());
    accept_one(platform, &home, &over);
    accept_one(platform, &home, &open);
    for id in [&over, &open] {
        decide(platform, &home, id, End::Cancelled).unwrap();
    }
    platform
        .objects
        .delete(&Ticket::new(&home, "file-a", &over).key())
        .unwrap();
    let left = || {
        forget_old_ends(platform, &home).unwrap();
        keys(&tenant.objects, &home.key("ended/")).len()
    };
    tenant.clock.advance(86_399_000);
    assert_eq!(left(), 2);
    tenant.clock.advance(1_000);
    assert_eq!(left(), 1);
    assert!(ended(platform, &home, &open).unwrap().is_some());
}

#[test]
fn work_for_a_store_that_is_deleted_comes_to_nothing() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    let hold = hold_of(platform, &home, &pending);
    delete(platform, &existing(platform, STORE).unwrap()).unwrap();
    finish_deletion(platform, &home).unwrap();
    let late = commit(platform, &home, &hold);
    let gone = PendingError::Store(StoreError::NoSuchStore(STORE.to_owned()));
    assert_eq!(late, Err(gone.clone()));
    assert_eq!(hold.end(Ending::Stopped(gone.clone())), Err(gone));
    assert!(take_out(platform, &home, "file-a").is_err());
    tenant.clock.advance(3_600_000);
    finish_deletion(platform, &home).unwrap();
    let left: Vec<String> = keys(&tenant.objects, "");
    assert!(
        left.iter()
            .all(|key| key.starts_with("files/") || key.contains("/manifest/")),
        "{left:?}"
    );
}

#[test]
fn what_is_committed_is_not_committed_once_more_over_what_came_after_it() {
    for dies in [false, true] {
        let (tenant, home) = accepted();
        let platform = tenant.platform();
        let first = under_way(platform, &home).unwrap();
        // Accepted by a request that was given up, whose record comes late.
        let late = accept_one(platform, &home, "0");
        let hold = hold_of(platform, &home, &first);
        commit(platform, &home, &hold).unwrap();
        let of_first = (!dies).then_some(hold);
        let other = hold_of(platform, &home, &late);
        commit(platform, &home, &other).unwrap();
        other.end(Ending::Committed).unwrap();
        let newest = existing(platform, STORE).unwrap();
        let again = match of_first {
            Some(hold) => commit(platform, &home, &hold),
            None => match take_up(platform, &home, &first, &worker("b", "1"), None).unwrap() {
                Some(hold) => commit(platform, &home, &hold),
                None => Err(PendingError::Cancelled),
            },
        };
        assert_eq!(again, Err(PendingError::Cancelled), "{dies}");
        let present = store::find(platform, &newest, "file-a").unwrap().unwrap();
        assert_eq!(present.ingest_id, "0");
        assert_eq!(existing(platform, STORE).unwrap().totals, newest.totals);
        assert_eq!(ended(platform, &home, "1").unwrap(), Some(End::Completed));
        let ticket = first.ticket(&home);
        conclude(platform, &home, &ticket, &End::Completed).unwrap();
        assert_eq!(keys(&tenant.objects, &home.queue()), Vec::<String>::new());
    }
}

#[test]
fn an_ingestion_that_is_accepted_late_does_not_bring_back_a_deleted_file() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let pending = under_way(platform, &home).unwrap();
    let kept: Vec<(String, Vec<u8>)> = [pending.ticket(&home).key(), files::meta_key("file-a")]
        .map(|key| {
            let data = tenant.objects.get(&key).unwrap();
            (key, data)
        })
        .into();
    tenant.objects.delete(&kept[0].0).unwrap();
    ops::delete_file(platform, "file-a").unwrap();
    ops::finish_file_deletion(platform, "file-a").unwrap();
    // Requests that were under way, and one that was sent twice.
    for (key, data) in kept {
        tenant.objects.put(&key, &data).unwrap();
    }
    let taken_up = take_up(platform, &home, &pending, &worker("b", "1"), None);
    assert!(taken_up.unwrap().is_none());
    assert_eq!(ended(platform, &home, "1").unwrap(), Some(End::Untold));
    assert_eq!(existing(platform, STORE).unwrap().totals.files, 0);
    nothing_is_left(&tenant, &home);
}

#[test]
fn what_came_although_it_was_given_up_is_never_said_to_have_failed() {
    let (tenant, home) = accepted();
    let platform = tenant.platform();
    let first = under_way(platform, &home).unwrap();
    let key = first.ticket(&home).key();
    let record = tenant.objects.get(&key).unwrap();
    let hold = hold_of(platform, &home, &first);
    commit(platform, &home, &hold).unwrap();
    fail(hold).unwrap();
    let next = accept_one(platform, &home, "2");
    let hold = hold_of(platform, &home, &next);
    commit(platform, &home, &hold).unwrap();
    hold.end(Ending::Committed).unwrap();
    // The request that accepted the first was sent twice.
    tenant.objects.put(&key, &record).unwrap();
    let again = take_up(platform, &home, &first, &worker("b", "1"), None).unwrap();
    assert!(again.is_none());
    assert_eq!(all_failed(platform, &home).unwrap(), []);
    nothing_is_left(&tenant, &home);
}
