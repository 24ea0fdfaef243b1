//! The commit rule, where storage and other writers do their worst.

use std::cell::{Cell, RefCell};

use super::*;
use crate::objects::ObjectError;
use crate::store::{
    StoreError, change, create, delete, finish_deletion, manifest_key, set_attributes, take_out,
};
use crate::testing::{Hooked, Op, keys};

fn unavailable() -> ObjectError {
    ObjectError::Unavailable("the answer was lost".to_owned())
}

/// So many versions of others, pruned as they go.
fn move_on(tenant: &Tenant, home: &Home, prefix: &str, versions: u64) {
    for number in 0..versions {
        let name = format!("{prefix}{number}");
        let committed = add(
            tenant.platform(),
            home,
            &format!("file-{name}"),
            &name,
            &one(&name),
        );
        tidy(tenant.platform(), &committed.unwrap()).unwrap();
    }
    compact_all(tenant.platform());
}

/// An acknowledged file is there; where it could not be told the writer says so, and only then.
fn is_told(tenant: &Tenant, file: &str, outcome: Result<Manifest, StoreError>, began: u64) {
    let now = newest(tenant);
    let is_there = files(tenant).contains(&file.to_owned());
    match outcome {
        Ok(_) => assert!(is_there, "{file} was acknowledged in vain"),
        Err(error) => {
            assert_eq!(error, StoreError::Unconfirmed);
            assert!(now.version - began > 60, "{began} to {}", now.version);
        }
    }
}

#[test]
fn a_writer_who_slept_through_pruning_is_not_acknowledged_in_vain() {
    for versions in [1, 31, 33, 40, 50, 70, 100] {
        let (tenant, home) = store();
        let interrupt = || move_on(&tenant, &home, "b", versions);
        let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, interrupt);
        let late = add_late(tenant.through(&slow), &home);
        is_told(&tenant, "file-late", late, 1);
        assert!(files(&tenant).len() as u64 >= versions);
        check(tenant.platform(), STORE);
    }
}

/// A stalls before it creates n+1, B before it creates n+2; both numbers are free again when they
/// go on.
#[test]
fn of_two_writers_who_slept_through_pruning_both_are_there() {
    for b_first in [false, true] {
        for versions in [33, 41, 48, 64] {
            let (tenant, home) = store();
            move_on(&tenant, &home, "x", 3);
            let began = newest(&tenant).version;
            let (platform, home) = (tenant.platform(), &home);
            let add_one = |through: Platform<'_>, name: &str| {
                let file = format!("file-{name}");
                let outcome = add(through, home, &file, name, &one(name));
                is_told(&tenant, &file, outcome, began);
            };
            let b_while = |interrupt: &dyn Fn()| {
                let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, interrupt);
                add_one(tenant.through(&slow), "b");
            };
            let others = || move_on(&tenant, home, "y", versions);
            let a_while = |interrupt: &dyn Fn()| {
                let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, || {
                    add_one(platform, "mid");
                    interrupt();
                });
                add_one(tenant.through(&slow), "a");
            };
            match b_first {
                true => a_while(&|| b_while(&others)),
                false => b_while(&|| a_while(&others)),
            }
            assert!(files(&tenant).len() as u64 >= versions + 4);
            check(platform, STORE);
        }
    }
}

/// A's request lands when its number was pruned, and B finds that zombie where its predecessor
/// should be.
#[test]
fn a_version_on_top_of_a_zombie_counts_for_nothing() {
    let (tenant, home) = store();
    move_on(&tenant, &home, "x", 3);
    let old = newest(&tenant);
    let zombie = |number: u64| {
        let mut zombie = old.clone();
        zombie.version = number;
        zombie.nonce = format!("zombie-{number}");
        zombie.history.insert(0, old.nonce.clone());
        serde_json::to_vec(&zombie).unwrap()
    };
    let stalled = Cell::new(false);
    let slow = Hooked::new(&tenant.objects).before(|call| {
        if call.is_commit() && !stalled.replace(true) {
            move_on(&tenant, &home, "y", 60);
            // The predecessor's number, and that of its predecessor, are taken again.
            for number in [old.version, old.version - 1] {
                let key = manifest_key(STORE, number);
                tenant.objects.put_new(&key, &zombie(number)).unwrap();
            }
        }
        Ok(())
    });
    add(
        tenant.through(&slow),
        &home,
        "file-late",
        "late",
        &one("late"),
    )
    .unwrap();
    assert!(files(&tenant).contains(&"file-late".to_owned()));
    let newest = check(tenant.platform(), STORE).unwrap();
    assert_eq!(newest.version, old.version + 61 + compactions(&newest));
}

fn compactions(newest: &Manifest) -> u64 {
    2 * newest.compactor.epoch
}

#[test]
fn a_commit_whose_answer_was_lost_is_made_once() {
    for answer in [unavailable(), ObjectError::AlreadyExists] {
        let (tenant, home) = store();
        let denying = Hooked::denying(&tenant.objects, answer);
        let committed = add(tenant.through(&denying), &home, "file-a", "a", &one("a")).unwrap();
        assert_eq!(committed.version, 2);
        assert_eq!(committed, newest(&tenant));
    }
}

#[test]
fn a_change_whose_answer_was_lost_is_not_made_again_over_newer_ones() {
    for answer in [unavailable(), ObjectError::AlreadyExists] {
        for versions in [0, 1, 20, 40] {
            let (tenant, home) = store();
            add(tenant.platform(), &home, "file-a", "a", &one("a")).unwrap();
            let year = |year: f64| {
                let value = crate::filter::AttributeValue::Number(year);
                [("year".to_owned(), value)].into()
            };
            let lost = Cell::new(false);
            let denying = Hooked::new(&tenant.objects).after(|call| {
                if !call.is_commit() || lost.replace(true) {
                    return Ok(());
                }
                if versions > 0 {
                    set_attributes(tenant.platform(), &home, "file-a", &year(2027.0)).unwrap();
                    move_on(&tenant, &home, "y", versions - 1);
                }
                Err(answer.clone())
            });
            set_attributes(tenant.through(&denying), &home, "file-a", &year(2026.0)).unwrap();
            let file = crate::store::find(tenant.platform(), &newest(&tenant), "file-a");
            let expected = match versions {
                0 => 2026.0,
                _ => 2027.0,
            };
            assert_eq!(file.unwrap().unwrap().attributes, year(expected));
        }
    }
}

#[test]
fn what_cannot_be_told_any_more_is_an_error_and_not_made_again() {
    let (tenant, home) = store();
    add(tenant.platform(), &home, "file-a", "a", &one("a")).unwrap();
    for is_done in [false, true] {
        let lost = Cell::new(false);
        let failing = Hooked::new(&tenant.objects).before(|call| {
            if !call.is_commit() || lost.replace(true) {
                return Ok(());
            }
            if is_done {
                take_out(tenant.platform(), &home, "file-z").unwrap();
            }
            move_on(&tenant, &home, if is_done { "d" } else { "n" }, 100);
            Err(unavailable())
        });
        let mut looked = 0;
        let ended = change(tenant.through(&failing), STORE, |newest| {
            looked += 1;
            Ok::<_, StoreError>(Some(newest.clone().into()))
        });
        assert_eq!((ended, looked), (Err(StoreError::Unconfirmed), 1));
    }
}

#[test]
fn a_listing_that_fails_after_the_creation_leaves_no_doubt() {
    let (tenant, home) = store();
    let created = Cell::new(false);
    let failed = Cell::new(false);
    let failing = Hooked::new(&tenant.objects)
        .before(|call| match call.op {
            Op::List if created.get() && !failed.replace(true) => Err(unavailable()),
            _ => Ok(()),
        })
        .after(|call| {
            if call.is_commit() {
                created.set(true);
            }
            Ok(())
        });
    let committed = add(tenant.through(&failing), &home, "file-a", "a", &one("a")).unwrap();
    assert!(failed.get());
    assert_eq!(committed.version, 2);
    assert_eq!(newest(&tenant), committed);
}

#[test]
fn a_request_that_lands_late_takes_no_number_from_anybody() {
    let (tenant, home) = store();
    // The request of the first try arrives after its sender gave it up and sent another.
    let late = RefCell::new(None);
    let sender = Hooked::new(&tenant.objects).before(|call| {
        if !call.is_commit() || late.borrow().is_some() {
            return Ok(());
        }
        *late.borrow_mut() = Some((call.key.to_owned(), call.data.to_vec()));
        Err(unavailable())
    });
    let committed = add(tenant.through(&sender), &home, "file-a", "a", &one("a")).unwrap();
    let (key, data): (String, Vec<u8>) = late.borrow_mut().take().unwrap();
    assert_eq!(committed, newest(&tenant));
    move_on(&tenant, &home, "y", 60);
    let before = newest(&tenant);
    tenant.objects.put_new(&key, &data).unwrap();
    assert_eq!(newest(&tenant), before);
    add(tenant.platform(), &home, "file-z", "z", &one("z")).unwrap();
    assert_eq!(files(&tenant).len(), 62);
    check(tenant.platform(), STORE);
}

#[test]
fn tries_that_came_to_nothing_leave_no_objects() {
    let (tenant, home) = store();
    let two = rows("a", &[[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]);
    add(tenant.platform(), &home, "file-a", "a", &two).unwrap();
    let interrupt = || add_many(tenant.platform(), &home, "b", 1);
    let mut merged = newest(&tenant);
    // Two files in one segment, so that the deletion of one writes a bitmap.
    merged.segments[0].meta.rows = 2;
    let file = merged.tail[0].file().unwrap().clone();
    let half = |id: &str, first: u32| {
        let mut half = file.clone();
        half.file_id = id.to_owned();
        half.rows[0].first = first;
        half.rows[0].rows = 1;
        half.usage_bytes = 1;
        crate::store::Change::Put(half)
    };
    merged.tail = vec![half("file-a", 0), half("file-c", 1)];
    merged.totals.files = 2;
    merged.totals.bytes = 2;
    change(tenant.platform(), STORE, |_| {
        Ok::<_, StoreError>(Some(merged.clone().into()))
    })
    .unwrap();
    check(tenant.platform(), STORE);
    let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, interrupt);
    take_out(tenant.through(&slow), &home, "file-a").unwrap();
    check(tenant.platform(), STORE);
    assert_eq!(keys(&tenant.objects, &home.key("dead/")).len(), 1);
}

#[test]
fn late_writers_of_an_ended_life_do_not_touch_the_next_one() {
    let (tenant, home) = store();
    add_many(tenant.platform(), &home, "a", 3);
    let again = Cell::new(None);
    let interrupt = || {
        delete(tenant.platform(), &newest(&tenant)).unwrap();
        finish_deletion(tenant.platform(), &home).unwrap();
        tenant.clock.advance(5);
        let made = create(tenant.platform(), &first(STORE, None)).unwrap();
        add_many(tenant.platform(), &made.home(), "new", 2);
        again.set(Some(made.home()));
    };
    let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, interrupt);
    let late = add_late(tenant.through(&slow), &home);
    assert_eq!(late, Err(StoreError::NoSuchStore(STORE.to_owned())));
    let again: Home = again.take().unwrap();
    // The late deletion of the first life goes on, and once more when its record is due.
    finish_deletion(tenant.platform(), &home).unwrap();
    tenant.clock.advance(3_600_000);
    finish_deletion(tenant.platform(), &home).unwrap();
    assert_eq!(keys(&tenant.objects, &home.folder()), Vec::<String>::new());
    assert_eq!(files(&tenant), ["file-new000", "file-new001"]);
    assert_eq!(check(tenant.platform(), STORE).unwrap().home(), again);
    for outcome in [
        take_out(tenant.platform(), &home, "file-new000").map(drop),
        set_attributes(tenant.platform(), &home, "file-new000", &Default::default()).map(drop),
    ] {
        assert_eq!(outcome, Err(StoreError::NoSuchStore(STORE.to_owned())));
    }
}
