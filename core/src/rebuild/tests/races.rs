use super::*;
use crate::store::{Duty, TAIL_CHANGES, claim, delete, finish_deletion};
use crate::testing::Hooked;

fn filled() -> (Tenant, Home) {
    filled_with(10)
}

fn filled_with(files: usize) -> (Tenant, Home) {
    let (tenant, home) = store();
    for file in 0..files {
        let (id, ingest) = (format!("file-{file}"), format!("i{file}"));
        add(tenant.platform(), &home, &id, &ingest, 20);
    }
    (tenant, home)
}

#[test]
fn what_was_uploaded_deleted_replaced_and_compacted_meanwhile_is_kept() {
    for more in [0, TAIL_CHANGES, 3 * TAIL_CHANGES] {
        let (tenant, home) = filled();
        let platform = tenant.platform();
        let maker = Maker::new(|| {
            add(platform, &home, "file-new", "new", 7);
            add(platform, &home, "file-3", "again", 7);
            take_out(platform, &home, "file-4");
            for number in 0..more {
                add(
                    platform,
                    &home,
                    &format!("file-m{number}"),
                    &format!("m{number}"),
                    1,
                );
                while compact(platform) {}
            }
            add(platform, &home, "file-newer", "newer", 7);
        });
        let index = built(platform, &maker);
        assert_eq!(index.rows, 200);
        assert_eq!(rows(platform), 200 - 40 + 21 + more as u64);
        check(platform, STORE);
        while compact(platform) {}
        check(platform, STORE);
        for natively in [true, false] {
            for there in [
                "file-new new 3",
                "file-3 again 3",
                "file-newer newer 0",
                "file-5 i5 19",
            ] {
                assert_eq!(found(platform, there, natively)[0], there);
            }
            for gone in ["file-3 i3 3", "file-4 i4 3"] {
                assert!(!found(platform, gone, natively).contains(&gone.to_owned()));
            }
        }
    }
}

#[test]
fn everything_may_be_gone_by_the_time_it_is_rebuilt() {
    for files in [10, 40] {
        let (tenant, home) = filled_with(files);
        let platform = tenant.platform();
        let maker = Maker::new(|| {
            for file in 0..files {
                take_out(platform, &home, &format!("file-{file}"));
            }
        });
        built(platform, &maker);
        let empty = check(platform, STORE).unwrap();
        assert_eq!((empty.totals.rows, empty.segments.len()), (0, 0));
        assert_eq!(found(platform, "file-5 i5 19", true), Vec::<String>::new());
        add(platform, &home, "file-5", "again", 3);
        while compact(platform) {}
        assert_eq!(found(platform, "file-5 again 1", true).len(), 3);
        check(platform, STORE);
    }
}

#[test]
fn attributes_set_meanwhile_are_kept() {
    for files in [10, 40] {
        let (tenant, home) = filled_with(files);
        let platform = tenant.platform();
        let attributes: crate::filter::Attributes = [(
            "year".to_owned(),
            crate::filter::AttributeValue::Number(2026.0),
        )]
        .into();
        let maker = Maker::new(|| {
            store::set_attributes(platform, &home, "file-5", &attributes).unwrap();
            for number in 0..files {
                add(
                    platform,
                    &home,
                    &format!("file-m{number}"),
                    &format!("m{number}"),
                    1,
                );
            }
        });
        built(platform, &maker);
        let manifest = check(platform, STORE).unwrap();
        let file = store::find(platform, &manifest, "file-5").unwrap().unwrap();
        assert_eq!(file.attributes, attributes);
        assert_eq!(found(platform, "file-5 i5 3", true)[0], "file-5 i5 3");
    }
}

#[test]
fn a_store_deleted_meanwhile_stays_deleted_and_nothing_stays_behind() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    let maker = Maker::new(|| {
        let home = delete(platform, &existing(platform, STORE).unwrap()).unwrap();
        finish_deletion(platform, &home).unwrap();
    });
    assert_eq!(run(platform, &maker), Err(RebuildError::Gone));
    assert_eq!(current(platform, STORE).unwrap(), None);
    assert_eq!(keys(&tenant.objects, &home.folder()), Vec::<String>::new());
}

#[test]
fn a_store_that_was_made_again_meanwhile_is_not_touched() {
    let (tenant, _) = filled();
    let platform = tenant.platform();
    let maker = Maker::new(|| {
        delete(platform, &existing(platform, STORE).unwrap()).unwrap();
        let home = make(platform, STORE);
        add(platform, &home, "file-5", "other", 2);
    });
    assert_eq!(run(platform, &maker), Err(RebuildError::Overtaken));
    assert_eq!(rows(platform), 2);
    assert_eq!(check(platform, STORE).unwrap().index, None);
}

#[test]
fn a_worker_that_was_overtaken_commits_nothing_whatever_was_forgotten_since() {
    for files in [10, 40] {
        let (tenant, home) = filled_with(files);
        let platform = tenant.platform();
        let maker = Maker::new(|| {
            // Another host takes the next claim, and ends; rows that the first has copied go.
            let index = built(platform, &Maker::new(|| ()));
            take_out(platform, &home, "file-4");
            let newest = existing(platform, STORE).unwrap();
            assert_eq!((newest.rebuilder.until_ms, newest.index), (0, Some(index)));
        });
        assert_eq!(run(platform, &maker), Err(RebuildError::Overtaken));
        let after = check(platform, STORE).unwrap();
        let base = home.base(&after.index.unwrap().base);
        assert!(
            base_objects(&tenant, &home)
                .iter()
                .all(|key| key.starts_with(&base))
        );
        assert_eq!(rows(platform), 20 * (files as u64 - 1));
        assert_eq!(found(platform, "file-5 i5 3", true)[0], "file-5 i5 3");
    }
}

#[test]
fn a_compaction_during_which_all_was_rebuilt_changes_nothing() {
    let (tenant, _) = filled_with(3 * TAIL_CHANGES);
    let platform = tenant.platform();
    let begun = Cell::new(false);
    let slow = Hooked::new(&tenant.objects).before(|call| {
        if call.op == crate::testing::Op::Create && !begun.replace(true) {
            let index = built(platform, &Maker::new(|| ()));
            assert_eq!(index.rows, 60 * TAIL_CHANGES as u64);
        }
        Ok(())
    });
    assert!(!compact(tenant.through(&slow)));
    assert!(begun.get());
    assert!(check(platform, STORE).unwrap().index.is_some());
    assert_eq!(found(platform, "file-5 i5 3", true)[0], "file-5 i5 3");
}

#[test]
fn what_a_killed_try_wrote_is_cleared_and_what_the_store_names_is_not() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    let first = built(platform, &Maker::new(|| ()));
    let put = |key: &str| tenant.objects.put(&home.key(key), b"x").unwrap();
    put("base/0000000002-killed/rows-00000.arrow");
    put("base/0000000009-other/index.faiss");
    // The second claim was that of the killed one.
    let killed = claim(
        platform,
        STORE,
        Duty::Rebuild,
        &worker("k", "1"),
        true,
        |_| true,
    );
    assert_eq!(killed.unwrap().unwrap().epoch, 2);
    let second = built(platform, &Maker::new(|| ()));
    let left = base_objects(&tenant, &home);
    assert!(
        left.iter().any(|key| key.contains(&first.base)),
        "for its readers"
    );
    assert!(left.iter().any(|key| key.contains(&second.base)));
    assert!(!left.iter().any(|key| key.contains("-killed/")));
    assert!(left.iter().any(|key| key.contains("-other/")));
    assert_eq!(found(platform, "file-5 i5 3", true)[0], "file-5 i5 3");
}

#[test]
fn a_storage_that_fails_leaves_the_store_as_it_was_and_the_next_try_succeeds() {
    for files in [10, 40] {
        let mut calls = 1;
        while fails_after(files, calls, false) | fails_after(files, calls, true) {
            calls += 1;
        }
        assert!(calls > 20);
    }
}

/// Whether a rebuild whose storage fails from that call on does.
fn fails_after(files: usize, calls: u32, after_effect: bool) -> bool {
    let (tenant, home) = filled_with(files);
    let platform = tenant.platform();
    let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
    let ended = run(tenant.through(&crashing), &Maker::new(|| ()));
    let newest = check(platform, STORE).unwrap();
    match &ended {
        Ok(_) => assert!(newest.index.is_some()),
        Err(error) => assert!(matches!(error, RebuildError::Retry(_)), "{error:?}"),
    }
    assert_eq!(rows(platform), 20 * files as u64);
    assert_eq!(found(platform, "file-5 i5 19", true)[0], "file-5 i5 19");
    // Meanwhile, and when it is tried again.
    take_out(platform, &home, "file-4");
    let index = built(platform, &Maker::new(|| ()));
    assert_eq!(index.rows, 20 * (files as u64 - 1));
    let newest = check(platform, STORE).unwrap();
    let named = store::named(&newest);
    let waiting = store::waiting_garbage(platform, &newest).unwrap();
    for key in base_objects(&tenant, &home) {
        let is_known = named.contains(&key) || waiting.contains(&key);
        assert!(is_known, "{key} belongs to nothing after {calls} calls");
    }
    ended.is_err()
}
