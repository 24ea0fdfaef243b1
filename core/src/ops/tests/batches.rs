use std::cell::Cell;

use super::*;
use crate::ops::batches::{self, Asked, Batch};
use crate::testing::Hooked;

fn asked(platform: Platform<'_>, ids: &[&str]) -> Vec<Asked> {
    let one = |id: &&str| Asked {
        file: file(platform, id),
        attributes: Default::default(),
        chunking: ChunkingStrategy::Auto,
    };
    ids.iter().map(one).collect()
}

fn accept(platform: Platform<'_>, home: &Home, ids: &[&str]) -> Batch {
    batches::accept(platform, home, asked(platform, ids))
        .unwrap()
        .0
}

/// Where each member stands, in their order, as a page tells.
fn told(platform: Platform<'_>, home: &Home, batch: &Batch) -> Vec<Status> {
    let wanted = Wanted {
        after: None,
        before: None,
        ascending: true,
        limit: 100,
        status: None,
    };
    let (files, has_more) = batches::page(platform, home, batch, &wanted).unwrap();
    assert!(!has_more);
    let told: Vec<Status> = files.iter().map(Listed::status).collect();
    let standings = batches::standing(platform, home, batch).unwrap();
    let counted: Vec<Status> = standings.iter().map(|(_, one)| one.status()).collect();
    assert_eq!(told, counted);
    told
}

fn pending(platform: Platform<'_>, home: &Home, id: &str) -> Pending {
    let known = pending::of_file(platform, home, id).unwrap();
    known.under_way.unwrap()
}

use Status::{Cancelled, Completed, Failed, InProgress};

#[test]
fn a_batch_says_what_became_of_each_file() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let batch = accept(platform, &home, &["file-c", "file-a", "file-b", "file-d"]);
    assert_eq!(told(platform, &home, &batch), [InProgress; 4]);
    complete(platform, &home, &pending(platform, &home, "file-a"));
    fail(platform, &home, &pending(platform, &home, "file-b"));
    let gone = detach(platform, &home, "file-d").unwrap();
    let all = [Completed, Failed, InProgress, Cancelled];
    assert_eq!(told(platform, &home, &batch), all);
    finish_detach(platform, &home, &gone).unwrap();
    assert_eq!(told(platform, &home, &batch), all);
    let read = batches::read(platform, &home, &batch.id).unwrap();
    assert_eq!(read, Some(batch));
}

#[test]
fn what_is_under_way_is_joined_and_what_failed_is_begun_anew() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let under_way = attach_one(platform, &home, "file-a");
    let failed = attach_one(platform, &home, "file-b");
    fail(platform, &home, &failed);
    let batch = accept(platform, &home, &["file-a", "file-b"]);
    assert_eq!(pending(platform, &home, "file-a"), under_way);
    let anew = pending(platform, &home, "file-b");
    assert_eq!(anew.earlier, [failed.ingest_id]);
    complete(platform, &home, &under_way);
    complete(platform, &home, &anew);
    assert_eq!(told(platform, &home, &batch), [Completed, Completed]);
}

#[test]
fn cancelling_ends_what_is_under_way_and_leaves_what_came() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let mut batch = accept(platform, &home, &["file-a", "file-b", "file-c"]);
    complete(platform, &home, &pending(platform, &home, "file-a"));
    let late = pending(platform, &home, "file-b");
    let hold = held(platform, &home, &late);
    let cancelled = batches::cancel(platform, &home, &mut batch).unwrap();
    assert_eq!(cancelled.len(), 2);
    assert!(batch.is_cancelled);
    assert_eq!(hold.ensure_wanted(), Err(PendingError::Cancelled));
    finish_detach(platform, &home, &cancelled).unwrap();
    assert_eq!(
        told(platform, &home, &batch),
        [Completed, Cancelled, Cancelled]
    );
    let again = batches::cancel(platform, &home, &mut batch).unwrap();
    assert!(again.is_empty());
    let read = batches::read(platform, &home, &batch.id).unwrap();
    assert!(read.unwrap().is_cancelled);
}

#[test]
fn a_cancelled_batch_says_so_of_each_file_before_anything_is_removed_and_keeps_failures() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let ids: Vec<String> = (0..70).map(|n| format!("file-{n:02}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut batch = accept(platform, &home, &ids);
    let failed = pending(platform, &home, "file-69");
    let error = pending::LastError::server("no");
    let given_up = pending::End::Failed { error };
    pending::decide(platform, &home, &failed.ingest_id, given_up).unwrap();
    batches::cancel(platform, &home, &mut batch).unwrap();
    let mut expected = [Cancelled; 70];
    expected[69] = Failed;
    assert_eq!(told(platform, &home, &batch), expected);
}

#[test]
fn a_batch_that_ended_is_not_cancelled_after_it() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let mut batch = accept(platform, &home, &["file-a"]);
    complete(platform, &home, &pending(platform, &home, "file-a"));
    batches::cancel(platform, &home, &mut batch).unwrap();
    assert!(!batch.is_cancelled);
}

#[test]
fn an_acceptance_that_is_cut_off_anywhere_leaves_nothing_that_does_not_end() {
    for after_effect in [false, true] {
        for calls in 1.. {
            assert!(calls < 100, "it never ends");
            let (tenant, home) = store();
            let platform = tenant.platform();
            let ids = ["file-a", "file-b"];
            let members = asked(platform, &ids);
            let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
            let cut_off = batches::accept(tenant.through(&crashing), &home, members.clone());
            let again = batches::accept(platform, &home, members).unwrap().0;
            for id in ids {
                complete(platform, &home, &pending(platform, &home, id));
            }
            assert_eq!(told(platform, &home, &again), [Completed, Completed]);
            assert!(keys(&tenant.objects, "queue/").is_empty());
            if let Ok((batch, _)) = cut_off {
                assert_eq!(told(platform, &home, &batch), [Completed, Completed]);
                break;
            }
        }
    }
}

#[test]
fn a_cancellation_that_is_cut_off_anywhere_is_gone_on_with() {
    for after_effect in [false, true] {
        for calls in 1.. {
            assert!(calls < 100, "it never ends");
            let (tenant, home) = store();
            let platform = tenant.platform();
            let mut batch = accept(platform, &home, &["file-a", "file-b"]);
            let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
            let cut_off = batches::cancel(tenant.through(&crashing), &home, &mut batch.clone());
            batches::cancel(platform, &home, &mut batch).unwrap();
            for id in ["file-a", "file-b"] {
                for ticket in pending::tickets_of(platform.objects, &home, id).unwrap() {
                    let record = pending::read(platform, &ticket).unwrap().unwrap();
                    let taken = pending::take_up(platform, &home, &record, &worker("a", "1"), None);
                    assert!(taken.unwrap().is_none(), "it has ended");
                }
            }
            let read = batches::read(platform, &home, &batch.id).unwrap().unwrap();
            assert!(read.is_cancelled, "{calls} {after_effect}");
            assert_eq!(told(platform, &home, &read), [Cancelled, Cancelled]);
            if cut_off.is_ok() {
                break;
            }
        }
    }
}

/// Rounds of requests that accepting so many files takes, and asking how far they came, where others wait
/// in the store that came `before` and since.
fn rounds(count: usize, others: usize) -> u32 {
    let (tenant, home) = store();
    let platform = tenant.platform();
    for number in 0..others {
        let age = if number % 2 == 0 { "0" } else { "2" };
        let one = attach_one(platform, &home, &format!("file-{age}{number:04}"));
        if number % 3 == 0 {
            fail(platform, &home, &one);
        }
    }
    let ids = (0..count).map(|number| format!("file-1{number:04}"));
    let ids: Vec<String> = ids.collect();
    let members = asked(
        platform,
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let calls = Cell::new(0);
    let counting = Hooked::new(&tenant.objects).creating_together();
    let counting = counting.before(|_| {
        calls.set(calls.get() + 1);
        Ok(())
    });
    let platform = tenant.through(&counting);
    let (batch, _) = batches::accept(platform, &home, members).unwrap();
    batches::standing(platform, &home, &batch).unwrap();
    calls.get()
}

#[test]
fn a_batch_takes_as_many_rounds_however_many_its_files_are() {
    assert_eq!(rounds(200, 0), rounds(2, 0));
}

#[test]
fn a_batch_takes_as_many_rounds_however_many_other_files_wait_or_failed() {
    assert_eq!(rounds(20, 4_000), rounds(20, 0));
}

#[test]
fn a_batch_is_told_of_for_a_month() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let mut batch = accept(platform, &home, &["file-a"]);
    batches::cancel(platform, &home, &mut batch).unwrap();
    let written = Hooked::new(&tenant.objects).written_at(platform.now_ms());
    let scrub = || look_after(tenant.through(&written), STORE, &upkeep(), true).unwrap();
    tenant.clock.advance(store::BATCH_MS - 60_000);
    scrub();
    let found = batches::read(platform, &home, &batch.id).unwrap();
    assert!(found.is_some_and(|found| found.is_cancelled));
    tenant.clock.advance(120_000);
    scrub();
    assert_eq!(batches::read(platform, &home, &batch.id).unwrap(), None);
    assert!(keys(&tenant.objects, &home.key("batches/")).is_empty());
}
