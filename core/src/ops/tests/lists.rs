use std::cell::Cell;

use super::*;
use crate::testing::{Hooked, Op};

/// Files of every kind: `file-00` to `file-59`, of which every fifth failed, those after it are
/// under way, and the rest is in the store; some of what is there is under way anew, or failed to be.
fn filled() -> (Tenant, Home, Vec<(String, Status)>) {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let mut expected = Vec::new();
    for number in 0..60 {
        let id = format!("file-{number:02}");
        let status = match number % 5 {
            0 => Status::Failed,
            1 => Status::InProgress,
            _ => Status::Completed,
        };
        if number % 10 < 2 || status == Status::Completed {
            let pending = attach_one(platform, &home, &id);
            complete(platform, &home, &pending);
        }
        if status != Status::Completed {
            let pending = attach_one(platform, &home, &id);
            if status == Status::Failed {
                fail(platform, &home, &pending);
            }
        }
        expected.push((id, status));
    }
    (tenant, home, expected)
}

fn all<'a>(ascending: bool, limit: usize) -> Wanted<'a> {
    Wanted {
        after: None,
        before: None,
        ascending,
        limit,
        status: None,
    }
}

fn page(tenant: &Tenant, home: &Home, wanted: &Wanted<'_>) -> (Vec<(String, Status)>, bool) {
    let (page, has_more) = files_of(tenant.platform(), home, wanted).unwrap();
    let listed = page
        .iter()
        .map(|one| (one.file_id().to_owned(), one.status()));
    (listed.collect(), has_more)
}

/// All pages, one after the other.
fn pages(tenant: &Tenant, home: &Home, first: &Wanted<'_>) -> Vec<(String, Status)> {
    let mut all = Vec::new();
    loop {
        let last = all.last().map(|(id, _): &(String, Status)| id.clone());
        let last = last.as_deref();
        let wanted = match first.ascending {
            true => Wanted {
                after: last.or(first.after),
                ..*first
            },
            false => Wanted {
                before: last.or(first.before),
                ..*first
            },
        };
        let (page, has_more) = page(tenant, home, &wanted);
        assert!(page.len() <= first.limit);
        all.extend(page);
        if !has_more {
            return all;
        }
    }
}

#[test]
fn pages_hold_every_file_once_with_its_state_in_both_directions() {
    let (tenant, home, mut expected) = filled();
    for ascending in [true, false] {
        for limit in [1, 7, 20, 60, 100] {
            assert_eq!(pages(&tenant, &home, &all(ascending, limit)), expected);
            for status in [Status::Failed, Status::InProgress, Status::Completed] {
                let wanted = Wanted {
                    status: Some(status),
                    ..all(ascending, limit)
                };
                let of_status = expected.iter().filter(|(_, one)| *one == status);
                let of_status: Vec<_> = of_status.cloned().collect();
                assert_eq!(pages(&tenant, &home, &wanted), of_status);
            }
        }
        let between = Wanted {
            after: Some("file-10"),
            before: Some("file-14x"),
            ..all(ascending, 10)
        };
        let (page, has_more) = page(&tenant, &home, &between);
        let ids: Vec<&str> = page.iter().map(|(id, _)| id.as_str()).collect();
        let mut wanted = ["file-11", "file-12", "file-13", "file-14"];
        if !ascending {
            wanted.reverse();
        }
        assert_eq!((ids.as_slice(), has_more), (&wanted[..], false));
        expected.reverse();
    }
    for (id, status) in &expected {
        let listed = look(tenant.platform(), &home, id).unwrap().unwrap();
        assert_eq!(listed.status(), *status, "{id}");
    }
}

#[test]
fn counts_say_what_pages_show() {
    let (tenant, home, expected) = filled();
    let of = |status| expected.iter().filter(|(_, one)| *one == status).count() as u64;
    let (counts, _) = count(tenant.platform(), &home).unwrap();
    let shown = Counts {
        in_progress: of(Status::InProgress),
        completed: of(Status::Completed),
        failed: of(Status::Failed),
        cancelled: 0,
    };
    assert_eq!(counts, shown);
}

#[test]
fn counts_say_what_a_look_says_between_any_two_writes_of_an_end() {
    for (ends, files) in [
        (complete as fn(Platform<'_>, &Home, &Pending), 1),
        (fail, 0),
    ] {
        for anew in [false, true] {
            let (tenant, home) = store();
            let platform = tenant.platform();
            if anew {
                complete(platform, &home, &attach_one(platform, &home, "file-0"));
            }
            let pending = attach_one(platform, &home, "file-0");
            let looked = Cell::new(0);
            let watched = Hooked::new(&tenant.objects).before(|_| {
                let status = look(platform, &home, "file-0").unwrap().unwrap().status();
                let (counts, _) = count(platform, &home).unwrap();
                let shown = Counts {
                    in_progress: u64::from(status == Status::InProgress),
                    completed: u64::from(status == Status::Completed),
                    failed: u64::from(status == Status::Failed),
                    cancelled: 0,
                };
                assert_eq!(counts, shown, "after {} calls", looked.get());
                looked.set(looked.get() + 1);
                Ok(())
            });
            ends(tenant.through(&watched), &home, &pending);
            assert!(looked.get() > 5);
            let (counts, _) = count(platform, &home).unwrap();
            assert_eq!(counts.completed, files);
        }
    }
}

#[test]
fn the_place_of_a_file_that_was_taken_out_is_still_a_place() {
    let (tenant, home, expected) = filled();
    let (first, _) = page(&tenant, &home, &all(true, 20));
    let last = &first[19].0;
    for (id, _) in &first {
        let cancelled = detach(tenant.platform(), &home, id).unwrap();
        finish_detach(tenant.platform(), &home, &cancelled).unwrap();
    }
    let next = Wanted {
        after: Some(last),
        ..all(true, 20)
    };
    assert_eq!(
        page(&tenant, &home, &next),
        (expected[20..40].to_vec(), true)
    );
    for (id, _) in &first {
        assert_eq!(look(tenant.platform(), &home, id).unwrap(), None);
        let again = detach(tenant.platform(), &home, id);
        let gone = StoreError::NoSuchFile {
            store: STORE.to_owned(),
            file_id: id.clone(),
        };
        assert_eq!(again, Err(gone.into()));
    }
    check(tenant.platform(), STORE);
}

#[test]
fn a_file_that_is_committed_while_it_is_listed_is_in_the_list() {
    // At each call that a listing makes.
    for call in 1..30 {
        let (tenant, home) = store();
        let platform = tenant.platform();
        let others = [
            attach_one(platform, &home, "file-0"),
            attach_one(platform, &home, "file-2"),
        ];
        complete(platform, &home, &others[0]);
        let pending = attach_one(platform, &home, "file-1");
        let calls = Cell::new(0);
        let slow = Hooked::new(&tenant.objects).before(|_| {
            calls.set(calls.get() + 1);
            if calls.get() == call {
                complete(platform, &home, &pending);
            }
            Ok(())
        });
        let (page, _) = files_of(tenant.through(&slow), &home, &all(true, 10)).unwrap();
        let ids: Vec<&str> = page.iter().map(Listed::file_id).collect();
        assert_eq!(ids, ["file-0", "file-1", "file-2"], "{call}");
        if calls.get() < call {
            return;
        }
        let calls = Cell::new(0);
        let pending = attach_one(platform, &home, "file-3");
        let slow = Hooked::new(&tenant.objects).before(|_| {
            calls.set(calls.get() + 1);
            if calls.get() == call {
                complete(platform, &home, &pending);
            }
            Ok(())
        });
        let found = look(tenant.through(&slow), &home, "file-3").unwrap();
        assert!(found.is_some(), "{call}");
    }
}

#[test]
fn what_fails_while_it_is_listed_is_in_the_list() {
    for call in 1..30 {
        let (tenant, home) = store();
        let platform = tenant.platform();
        let pending = attach_one(platform, &home, "file-1");
        let calls = Cell::new(0);
        let slow = Hooked::new(&tenant.objects).before(|_| {
            calls.set(calls.get() + 1);
            if calls.get() == call {
                fail(platform, &home, &pending);
            }
            Ok(())
        });
        let (page, _) = files_of(tenant.through(&slow), &home, &all(true, 10)).unwrap();
        assert_eq!(page.len(), 1, "{call}");
        if calls.get() < call {
            return;
        }
    }
}

#[test]
fn stores_are_listed_newest_first_page_by_page_without_those_that_are_gone() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let mut homes = Vec::new();
    for number in 0..150 {
        tenant.clock.advance(1);
        homes.push(make(platform, &format!("vs_{number:03}")));
    }
    for number in (0..150).filter(|number| number % 3 == 0) {
        let manifest = store::existing(platform, &homes[number].store).unwrap();
        let home = delete_store(platform, &manifest).unwrap();
        // Some are not removed yet.
        if number % 2 == 0 {
            store::finish_deletion(platform, &home).unwrap();
        }
    }
    tenant.clock.advance(1);
    // One of them is made again, and is the newest.
    homes[3] = make(platform, "vs_003");
    let kept = (0..150).rev().filter(|number| number % 3 != 0);
    let expected: Vec<usize> = std::iter::once(3).chain(kept).collect();
    let (mut listed, mut place) = (Vec::new(), None);
    loop {
        let (page, has_more) = stores_after(platform, place.as_ref(), 20).unwrap();
        assert!(page.len() <= 20);
        place = page.last().map(Manifest::home);
        listed.extend(page.iter().map(Manifest::home));
        if !has_more {
            break;
        }
    }
    let expected: Vec<Home> = expected
        .into_iter()
        .map(|number| homes[number].clone())
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn a_failed_file_that_is_attached_again_meanwhile_is_not_left_out() {
    for is_done in [false, true] {
        let (tenant, home) = store();
        let platform = tenant.platform();
        let is_attached = Cell::new(true);
        // Where it failed is looked at after what is under way.
        let meanwhile = Hooked::new(&tenant.objects).before(|call| {
            if call.op == Op::List && call.key.contains("/failed/") && !is_attached.replace(true) {
                let anew = attach_one(platform, &home, "file-a");
                match is_done {
                    true => complete(platform, &home, &anew),
                    false => assert_eq!(anew.status, Status::InProgress),
                }
            }
            Ok(())
        });
        let fail_anew = || {
            let pending = pending::of_file(platform, &home, "file-a")
                .unwrap()
                .under_way;
            let pending = pending.unwrap_or_else(|| attach_one(platform, &home, "file-a"));
            fail(platform, &home, &pending);
            is_attached.set(false);
        };
        fail_anew();
        let (listed, _) = files_of(tenant.through(&meanwhile), &home, &all(true, 10)).unwrap();
        let expected = match is_done {
            true => Status::Completed,
            false => Status::InProgress,
        };
        let statuses: Vec<Status> = listed.iter().map(Listed::status).collect();
        assert_eq!(statuses, [expected]);
        fail_anew();
        let seen = look(tenant.through(&meanwhile), &home, "file-a").unwrap();
        assert!(is_attached.get() && seen.is_some());
    }
}
