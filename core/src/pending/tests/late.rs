//! What comes late, twice, or half: no failure is in sight that is none, and none is lost.

use std::cell::Cell;

use super::ends::{commit, fail, hold_of, nothing_is_left, status};
use super::*;
use crate::chunk::ChunkingStrategy;
use crate::ops;
use crate::testing::{Hooked, make};

fn attach_one(platform: Platform<'_>, home: &Home) -> Pending {
    let file = files::read(platform.objects, "file-a").unwrap();
    let chunking = ChunkingStrategy::Auto;
    let attached = ops::attach(platform, home, &file, Default::default(), chunking).unwrap();
    assert!(attached.is_new);
    attached.pending
}

/// A store in which a file failed to come, and is attached once more.
fn attached_again() -> (Tenant, Home, Pending) {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let home = make(platform, STORE);
    tenant.clock.advance(600_000);
    let first = accept_one(platform, &home, &platform.new_id(""));
    fail(hold_of(platform, &home, &first)).unwrap();
    let second = attach_one(platform, &home);
    (tenant, home, second)
}

/// The same storage, seen by a host whose clock is behind.
fn behind(tenant: &Tenant) -> Tenant {
    Tenant {
        objects: tenant.objects.clone(),
        ..Tenant::default()
    }
}

fn given_up() -> End {
    End::Failed {
        error: LastError::server("no"),
    }
}

#[test]
fn the_end_of_what_came_may_be_cut_off_anywhere() {
    for end in [given_up(), End::Cancelled, End::Completed] {
        for after_effect in [false, true] {
            let mut calls = 1;
            while !is_cut_off(&end, calls, after_effect) {
                calls += 1;
                assert!(calls < 100, "it never ends");
            }
        }
    }
}

/// Answers whether so many calls are enough for it.
fn is_cut_off(end: &End, calls: u32, after_effect: bool) -> bool {
    let (tenant, home, pending) = attached_again();
    let platform = tenant.platform();
    let hold = hold_of(platform, &home, &pending);
    commit(platform, &home, &hold).unwrap();
    let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
    let through = tenant.through(&crashing);
    let is_over = match end {
        End::Completed => {
            let lost = Some(Lost::Chance("it seemed so".to_owned()));
            let again = take_up(through, &home, &pending, &worker("b", "1"), lost);
            again.is_ok_and(|hold| hold.unwrap().end(Ending::Committed).is_ok())
        }
        other => {
            decide(platform, &home, &pending.ingest_id, other.clone()).unwrap();
            conclude(through, &home, &pending.ticket(&home), other).is_ok()
        }
    };
    if read(platform, &pending.ticket(&home)).unwrap().is_some() {
        let lost = Some(Lost::Chance("it was cut off".to_owned()));
        let again = take_up(platform, &home, &pending, &worker("c", "1"), lost).unwrap();
        if let Some(hold) = again {
            hold.end(Ending::Committed).unwrap();
        }
    }
    let told = failed_of(platform, &home, "file-a").unwrap();
    assert_eq!(told, None, "{end:?} {calls} {after_effect}");
    assert_eq!(status(platform, &home), Some(Status::Completed));
    assert_eq!(all_failed(platform, &home).unwrap(), []);
    nothing_is_left(&tenant, &home);
    is_over
}

#[test]
fn one_that_is_cancelled_between_its_commit_and_its_end_takes_the_place_of_earlier_failures() {
    let (tenant, home, pending) = attached_again();
    let platform = tenant.platform();
    let hold = hold_of(platform, &home, &pending);
    commit(platform, &home, &hold).unwrap();
    decide(platform, &home, &pending.ingest_id, End::Cancelled).unwrap();
    hold.end(Ending::Committed).unwrap();
    assert_eq!(all_failed(platform, &home).unwrap(), []);
    nothing_is_left(&tenant, &home);
}

#[test]
fn a_record_that_comes_twice_takes_no_later_failure_with_it_whatever_the_clock_says() {
    for is_failed in [false, true] {
        let (tenant, home, pending) = attached_again();
        let platform = tenant.platform();
        let key = pending.ticket(&home).key();
        let record = tenant.objects.get(&key).unwrap();
        if is_failed {
            fail(hold_of(platform, &home, &pending)).unwrap();
        }
        let cancelled = ops::detach(platform, &home, "file-a").unwrap();
        ops::finish_detach(platform, &home, &cancelled).unwrap();
        let other = behind(&tenant);
        let next = attach_one(other.platform(), &home);
        assert!(next.ingest_id < pending.ingest_id, "nothing knows of it");
        fail(hold_of(other.platform(), &home, &next)).unwrap();
        // The request that accepted it was sent twice.
        tenant.objects.put(&key, &record).unwrap();
        let again = take_up(platform, &home, &pending, &worker("b", "1"), None).unwrap();
        assert!(again.is_none());
        assert_eq!(status(platform, &home), Some(Status::Failed));
        nothing_is_left(&tenant, &home);
    }
}

#[test]
fn what_is_left_to_do_for_one_that_ended_takes_no_later_failure_with_it() {
    let (tenant, home, pending) = attached_again();
    let platform = tenant.platform();
    // Whoever removes what is left of it stalls when it has read its record, and another does.
    let stalls = Cell::new(true);
    let stalled = Hooked::new(&tenant.objects).before(|call| {
        if call.op == Op::List && call.key.contains("/failed/") && stalls.take() {
            let ticket = pending.ticket(&home);
            conclude(platform, &home, &ticket, &End::Cancelled).unwrap();
            let other = behind(&tenant);
            let next = attach_one(other.platform(), &home);
            fail(hold_of(other.platform(), &home, &next)).unwrap();
        }
        Ok(())
    });
    let cancelled = ops::detach(platform, &home, "file-a").unwrap();
    ops::finish_detach(tenant.through(&stalled), &home, &cancelled).unwrap();
    assert_eq!(status(platform, &home), Some(Status::Failed));
    nothing_is_left(&tenant, &home);
}

#[test]
fn what_came_is_not_said_to_have_failed_when_another_takes_its_place() {
    for is_slow in [false, true] {
        let tenant = Tenant::default();
        let platform = tenant.platform();
        let home = make(platform, STORE);
        let first = accept_one(platform, &home, "1");
        // Accepted by a request that was given up, whose record comes late.
        let late = accept_one(platform, &home, "0");
        commit(platform, &home, &hold_of(platform, &home, &first)).unwrap();
        let replace = || {
            let other = hold_of(platform, &home, &late);
            commit(platform, &home, &other).unwrap();
            other.end(Ending::Committed).unwrap();
        };
        // Another attempt gives it up, and stalls before or after it has looked for its entry.
        decide(platform, &home, "1", given_up()).unwrap();
        let op = match is_slow {
            true => Op::Put,
            false => Op::List,
        };
        let stalled = Hooked::interrupted(&tenant.objects, op, replace);
        let ticket = first.ticket(&home);
        conclude(tenant.through(&stalled), &home, &ticket, &given_up()).unwrap();
        assert_eq!(status(platform, &home), Some(Status::Completed));
        assert_eq!(all_failed(platform, &home).unwrap(), []);
        assert_eq!(ended(platform, &home, "1").unwrap(), Some(End::Completed));
        nothing_is_left(&tenant, &home);
    }
}
