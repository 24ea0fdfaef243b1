use std::cell::Cell;

use super::*;
use crate::objects::ObjectError;
use crate::testing::{Hooked, Op};

#[test]
fn one_that_failed_before_its_caller_was_answered_stays_in_sight() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let earlier = attach_one(platform, &home, "file-a");
    fail(platform, &home, &earlier);
    // The next one is taken up and fails while its caller still waits.
    let objects = Hooked::new(&tenant.objects).after(|call| {
        if call.op == Op::PutNew && call.key.starts_with(crate::home::QUEUE) {
            let own = pending::of_file(platform, &home, "file-a")
                .unwrap()
                .under_way;
            fail(platform, &home, &own.unwrap());
        }
        Ok(())
    });
    let attached = attach_one(tenant.through(&objects), &home, "file-a");
    let listed = look(platform, &home, "file-a").unwrap();
    let Some(Listed::Pending(seen)) = listed else {
        panic!("{listed:?}");
    };
    assert_eq!(seen.ingest_id, attached.ingest_id);
    assert_eq!(seen.status, Status::Failed);
    let failed = pending::all_failed(platform, &home).unwrap();
    assert_eq!(failed.len(), 1, "the earlier one is forgotten");
}

#[test]
fn the_end_of_one_that_was_committed_looks_through_no_garbage() {
    let (tenant, home) = store();
    let pending = attach_one(tenant.platform(), &home, "file-a");
    let objects = Hooked::new(&tenant.objects).before(|call| {
        assert!(!call.key.contains("/garbage/"), "{}", call.key);
        Ok(())
    });
    complete(tenant.through(&objects), &home, &pending);
    check(tenant.platform(), STORE).unwrap();
}

#[test]
fn one_that_is_concluded_as_failed_late_does_not_hide_the_next() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let first = attach_one(platform, &home, "file-a");
    let error = pending::LastError::server("no");
    let end = pending::End::Failed { error };
    pending::decide(platform, &home, &first.ingest_id, end.clone()).unwrap();
    // Its failure is seen already, and its worker has yet to note it.
    let second = attach_one(platform, &home, "file-a");
    assert_ne!(second.ingest_id, first.ingest_id);
    pending::conclude(platform, &home, &first.ticket(&home), &end).unwrap();
    complete(platform, &home, &second);
    let listed = look(platform, &home, "file-a").unwrap();
    assert_eq!(listed.unwrap().status(), Status::Completed);
}

#[test]
fn the_next_one_sorts_after_the_failures_it_takes_the_place_of_whatever_the_clock_says() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    tenant.clock.advance(600_000);
    let first = attach_one(platform, &home, "file-a");
    let error = pending::LastError::server("no");
    let end = pending::End::Failed { error };
    pending::decide(platform, &home, &first.ingest_id, end).unwrap();
    // Another host's clock is behind.
    let behind = Tenant {
        objects: tenant.objects.clone(),
        ..Tenant::default()
    };
    let second = attach_one(behind.platform(), &home, "file-a");
    assert_eq!(second.earlier, std::slice::from_ref(&first.ingest_id));
    assert!(second.ingest_id > first.ingest_id, "{second:?}");
}

#[test]
fn what_is_left_of_a_cancelled_one_takes_no_later_failure_with_it_whatever_the_clock_says() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    tenant.clock.advance(600_000);
    attach_one(platform, &home, "file-a");
    let cancelled = detach(platform, &home, "file-a").unwrap();
    // Another host's clock is behind.
    let behind = Tenant {
        objects: tenant.objects.clone(),
        ..Tenant::default()
    };
    let second = attach_one(behind.platform(), &home, "file-a");
    fail(behind.platform(), &home, &second);
    finish_detach(platform, &home, &cancelled).unwrap();
    let listed = look(platform, &home, "file-a").unwrap();
    assert_eq!(listed.unwrap().status(), Status::Failed);
}

#[test]
fn one_that_fails_beside_another_does_not_hide_it() {
    for is_noted in [false, true] {
        let (tenant, home) = store();
        let platform = tenant.platform();
        let first = attach_one(platform, &home, "file-a");
        // Another one was accepted at about the same time.
        tenant.clock.advance(1);
        let asked = Pending::new(&file(platform, "file-a"), platform.new_id(""));
        let second = pending::accept(platform, &home, asked).unwrap();
        let end = pending::End::Failed {
            error: pending::LastError::server("no"),
        };
        pending::decide(platform, &home, &first.ingest_id, end.clone()).unwrap();
        let conclude = || pending::conclude(platform, &home, &first.ticket(&home), &end).unwrap();
        if is_noted {
            conclude();
        }
        complete(platform, &home, &second);
        conclude();
        let listed = look(platform, &home, "file-a").unwrap();
        assert_eq!(listed.unwrap().status(), Status::Completed);
        assert_eq!(count(platform, &home).unwrap().0.failed, 0);
    }
}

#[test]
fn a_file_that_fails_again_is_in_every_list() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let first = attach_one(platform, &home, "file-a");
    fail(platform, &home, &first);
    let second = attach_one(platform, &home, "file-a");
    // Whoever lists it looks at what failed after the first has gone and before the second is told.
    let listed = Cell::new(None);
    let objects = Hooked::new(&tenant.objects).after(|call| {
        let is_note = call.op == Op::Put && call.key.contains("/failed/");
        if is_note || (call.op == Op::Delete && call.key.contains("/failed/")) {
            let failed = pending::all_failed(platform, &home).unwrap();
            listed.set(Some(failed.len()));
            assert!(!failed.is_empty());
        }
        Ok(())
    });
    fail(tenant.through(&objects), &home, &second);
    assert_eq!(listed.get(), Some(1));
}

#[test]
fn a_store_whose_first_files_are_not_accepted_is_not_made() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let files = ["file-a", "file-b"].map(|id| file(platform, id));
    let made = || store::create(platform, &crate::testing::first(STORE, None)).unwrap();
    let failing = Hooked::new(&tenant.objects).before(|call| {
        match call.key.starts_with(crate::home::QUEUE) && call.key.contains("file-b") {
            true => Err(ObjectError::OutOfSpace("full".to_owned())),
            false => Ok(()),
        }
    });
    let refused = attach_first(
        tenant.through(&failing),
        &made(),
        &files,
        ChunkingStrategy::Auto,
    );
    assert!(refused.is_err());
    assert_eq!(store::current(platform, STORE).unwrap(), None);
    let again = made();
    let accepted = attach_first(platform, &again, &files, ChunkingStrategy::Auto).unwrap();
    assert_eq!(accepted.len(), 2);
    let listed = pending::all_tickets(platform.objects, &again.home()).unwrap();
    assert_eq!(listed.len(), 2, "nothing of the first is left to be done");
}
