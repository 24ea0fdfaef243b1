use super::*;
use crate::objects::ObjectError;
use crate::store::{
    Duty, StoreError, TAIL_CHANGES, claim, delete, is_compaction_due, set_attributes, take_out,
};
use crate::testing::{Hooked, Op, entry, keys, rows_by_file, write_segment};

/// A store with two runs, which are due.
fn due() -> (Tenant, Home) {
    let (tenant, home) = store();
    add_many(tenant.platform(), &home, "a", 2 * TAIL_CHANGES);
    assert!(is_compaction_due(
        &newest(&tenant),
        INDEXING,
        tenant.clock.now()
    ));
    (tenant, home)
}

fn kept(tenant: &Tenant, home: &Home) -> Vec<String> {
    keys(&tenant.objects, &home.folder())
}

#[test]
fn compacting_keeps_every_file_and_leaves_few_segments() {
    let (tenant, home) = due();
    assert!(compact_once(tenant.platform()));
    let compacted = check(tenant.platform(), STORE).unwrap();
    assert_eq!((compacted.runs.len(), compacted.segments.len()), (1, 1));
    assert_eq!(files(&tenant).len(), 2 * TAIL_CHANGES);
    let noted: usize = compacted.garbage.iter().map(|one| one.keys.len()).sum();
    assert_eq!(noted, 2 * TAIL_CHANGES + 2, "segments and runs");
    assert!(!compact_once(tenant.platform()), "nothing is left to do");
    take_out(tenant.platform(), &home, "file-a007").unwrap();
    check(tenant.platform(), STORE);
    assert_eq!(files(&tenant).len(), 2 * TAIL_CHANGES - 1);
}

#[test]
fn a_compaction_counts_as_no_use_of_the_store() {
    let (tenant, _) = due();
    let before = newest(&tenant);
    tenant.clock.advance(1_000);
    assert!(compact_once(tenant.platform()));
    let after = newest(&tenant);
    assert_eq!(after.active_ms, before.active_ms);
    assert!(after.committed_ms > before.committed_ms);
}

#[test]
fn many_compactions_leave_few_segments_and_rewrite_a_row_seldom() {
    const ROUNDS: usize = 48;
    let (tenant, home) = store();
    let mut known = std::collections::BTreeSet::new();
    let (mut rewritten, mut entries) = (0, 0);
    for round in 0..ROUNDS {
        add_many(
            tenant.platform(),
            &home,
            &format!("r{round:02}x"),
            TAIL_CHANGES,
        );
        compact_all(tenant.platform());
        let compacted = newest(&tenant);
        assert_eq!(compacted.totals.files, ((round + 1) * TAIL_CHANGES) as u64);
        assert!(
            compacted.segments.len() <= 12,
            "{}",
            compacted.segments.len()
        );
        assert!(compacted.runs.len() <= 7, "{:?}", compacted.runs);
        let new = |id: &str| known.insert(id.to_owned());
        let mut new = new;
        for segment in &compacted.segments {
            rewritten += match new(&segment.meta.id) {
                true => segment.meta.rows as usize,
                false => 0,
            };
        }
        for run in &compacted.runs {
            entries += match new(&run.id) {
                true => run.entries as usize,
                false => 0,
            };
        }
    }
    check(tenant.platform(), STORE);
    let rows = ROUNDS * TAIL_CHANGES;
    assert!(rewritten < 6 * rows, "{rewritten} of {rows}");
    assert!(entries < 6 * rows, "{entries} of {rows}");
}

#[test]
fn small_segments_of_one_file_stay_in_the_order_of_its_chunks() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let parts = [
        write_segment(
            platform,
            &home,
            "seg-1-0",
            "file-a",
            0,
            &rows("a", &[[1.0; 4]; 2]),
        ),
        write_segment(
            platform,
            &home,
            "seg-1-1",
            "file-a",
            2,
            &rows("b", &[[1.0; 4]]),
        ),
    ];
    let file = entry("file-a", "1", &parts);
    crate::store::add_file(platform, &home, &file, &parts, |_| Ok::<_, StoreError>(())).unwrap();
    add_many(platform, &home, "b", 2 * TAIL_CHANGES);
    compact_all(platform);
    let compacted = check(platform, STORE).unwrap();
    assert!(compacted.segments.len() <= 2 + 2);
    let file = crate::store::find(platform, &compacted, "file-a")
        .unwrap()
        .unwrap();
    let metas: Vec<_> = compacted.segments.iter().map(|one| &one.meta).collect();
    let opened = crate::segment::open(platform.objects, &home, &metas).unwrap();
    let mut wanted = Vec::new();
    for range in &file.rows {
        let segment = opened.iter().find(|one| one.meta().id == range.segment);
        for row in range.first..range.first + range.rows {
            wanted.push((segment.unwrap(), row));
        }
    }
    let rows = crate::segment::read_rows(platform.objects, &wanted).unwrap();
    let texts: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
    assert_eq!(texts, ["a 0", "a 1", "b 0"]);
    assert!(rows.iter().all(|row| row.file_id == "file-a"));
}

#[test]
fn what_changes_while_a_compaction_goes_on_stays() {
    for op in [Op::Create, Op::Get] {
        let (tenant, home) = due();
        let interrupt = || {
            let platform = tenant.platform();
            add_many(platform, &home, "b", 2);
            take_out(platform, &home, "file-a007").unwrap();
            add(
                platform,
                &home,
                "file-a008",
                "again",
                &rows("a", &[[0.0, 1.0, 0.0, 0.0]; 3]),
            )
            .unwrap();
            let tag = [("tag".to_owned(), crate::filter::AttributeValue::Bool(true))];
            set_attributes(platform, &home, "file-a009", &tag.into()).unwrap();
        };
        // After the claim.
        let claimed = std::cell::Cell::new(false);
        let interrupt = std::cell::RefCell::new(Some(interrupt));
        let slow = Hooked::new(&tenant.objects)
            .before(|call| {
                if claimed.get()
                    && call.op == op
                    && let Some(interrupt) = interrupt.borrow_mut().take()
                {
                    interrupt();
                }
                Ok(())
            })
            .after(|call| {
                claimed.set(claimed.get() || call.is_commit());
                Ok(())
            });
        assert!(compact_once(tenant.through(&slow)));
        assert!(interrupt.borrow().is_none());
        let compacted = check(tenant.platform(), STORE).unwrap();
        assert_eq!(compacted.tail.len(), 5);
        assert_eq!(compacted.runs.len(), 1);
        let files = rows_by_file(tenant.platform(), STORE);
        assert_eq!(files.len(), 2 * TAIL_CHANGES + 2 - 1);
        assert_eq!(files["file-a008"], 3);
        let tagged = crate::store::find(tenant.platform(), &compacted, "file-a009").unwrap();
        assert_eq!(tagged.unwrap().attributes.len(), 1);
        compact_all(tenant.platform());
        check(tenant.platform(), STORE);
    }
}

#[test]
fn what_is_flushed_while_a_compaction_goes_on_stays() {
    let (tenant, home) = due();
    let creations = std::cell::Cell::new(0);
    let slow = Hooked::new(&tenant.objects).before(|call| {
        if call.op == Op::Create && creations.replace(creations.get() + 1) == 1 {
            let platform = tenant.platform();
            let tag = [("tag".to_owned(), crate::filter::AttributeValue::Bool(true))];
            set_attributes(platform, &home, "file-a009", &tag.into()).unwrap();
            take_out(platform, &home, "file-a010").unwrap();
            add_many(platform, &home, "a", 5);
            add_many(platform, &home, "new", TAIL_CHANGES);
        }
        Ok(())
    });
    assert!(compact_once(tenant.through(&slow)));
    let compacted = check(tenant.platform(), STORE).unwrap();
    assert_eq!(compacted.runs.len(), 2);
    assert_eq!(files(&tenant).len(), 3 * TAIL_CHANGES - 1);
    let tagged = crate::store::find(tenant.platform(), &compacted, "file-a009").unwrap();
    assert_eq!(tagged.unwrap().attributes.len(), 1);
    compact_all(tenant.platform());
    let compacted = check(tenant.platform(), STORE).unwrap();
    let named = crate::store::named(&compacted);
    let segments = keys(&tenant.objects, &home.key("segments/"));
    let noted: Vec<&String> = compacted.garbage.iter().flat_map(|one| &one.keys).collect();
    let recorded = crate::store::garbage::recorded(tenant.platform(), &home).unwrap();
    for key in segments {
        let known = named.contains(&key) || noted.contains(&&key) || recorded.contains(&key);
        assert!(known, "{key} belongs to nothing");
    }
}

#[test]
fn of_two_who_compact_at_once_one_does() {
    let (tenant, _) = due();
    let other = std::cell::Cell::new(None);
    let slow = Hooked::interrupted(&tenant.objects, Op::Create, || {
        let second = compact(tenant.platform(), STORE, &worker("b", "1"), INDEXING, false);
        other.set(Some(second.unwrap()));
    });
    assert!(compact_once(tenant.through(&slow)));
    assert_eq!(other.get(), Some(false));
    check(tenant.platform(), STORE);
}

#[test]
fn a_compaction_that_was_overtaken_changes_nothing_and_leaves_nothing() {
    let steals = |tenant: &Tenant| {
        assert!(compact(tenant.platform(), STORE, &worker("b", "1"), INDEXING, true).unwrap());
    };
    let waits = |tenant: &Tenant| {
        tenant.clock.advance(60_000);
        assert!(compact(tenant.platform(), STORE, &worker("b", "1"), INDEXING, false).unwrap());
    };
    let starts_again = |tenant: &Tenant| {
        assert!(compact(tenant.platform(), STORE, &worker("a", "2"), INDEXING, false).unwrap());
    };
    for overtake in [&steals as &dyn Fn(&Tenant), &waits, &starts_again] {
        let (tenant, home) = due();
        let left = std::cell::RefCell::new(Vec::new());
        let slow = Hooked::interrupted(&tenant.objects, Op::Create, || {
            overtake(&tenant);
            *left.borrow_mut() = kept(&tenant, &home);
        });
        assert!(!compact_once(tenant.through(&slow)));
        check(tenant.platform(), STORE);
        assert_eq!(kept(&tenant, &home), *left.borrow());
        assert_eq!(files(&tenant).len(), 2 * TAIL_CHANGES);
    }
}

#[test]
fn a_compaction_whose_store_is_deleted_leaves_nothing() {
    let (tenant, home) = due();
    let slow = Hooked::interrupted(&tenant.objects, Op::Create, || {
        let home = delete(tenant.platform(), &newest(&tenant)).unwrap();
        crate::store::finish_deletion(tenant.platform(), &home).unwrap();
    });
    assert!(!compact_once(tenant.through(&slow)));
    assert_eq!(kept(&tenant, &home), Vec::<String>::new());
}

#[test]
fn a_compaction_that_was_made_and_is_said_not_to_be_keeps_what_it_wrote() {
    for answer in [
        ObjectError::Unavailable("the answer was lost".into()),
        ObjectError::AlreadyExists,
    ] {
        let (tenant, _) = due();
        let commits = std::cell::Cell::new(0);
        let denying = Hooked::new(&tenant.objects).after(|call| {
            let is_second = call.is_commit() && commits.replace(commits.get() + 1) == 1;
            match is_second {
                true => Err(answer.clone()),
                false => Ok(()),
            }
        });
        assert!(compact_once(tenant.through(&denying)));
        let compacted = check(tenant.platform(), STORE).unwrap();
        assert_eq!((compacted.runs.len(), compacted.segments.len()), (1, 1));
        assert_eq!(files(&tenant).len(), 2 * TAIL_CHANGES);
    }
}

#[test]
fn a_compaction_cut_off_anywhere_leaves_the_store_as_it_was() {
    let mut calls = 1;
    loop {
        let mut reached_end = false;
        for after_effect in [false, true] {
            let (tenant, home) = due();
            let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
            let ended = compact(
                tenant.through(&crashing),
                STORE,
                &worker("a", "1"),
                INDEXING,
                false,
            );
            reached_end |= ended.is_ok();
            check(tenant.platform(), STORE);
            assert_eq!(files(&tenant).len(), 2 * TAIL_CHANGES);
            // Its host, started again.
            add_many(tenant.platform(), &home, "b", 1);
            while compact(tenant.platform(), STORE, &worker("a", "2"), INDEXING, false).unwrap() {}
            let compacted = check(tenant.platform(), STORE).unwrap();
            assert_eq!(compacted.runs.len(), 1, "{calls} {after_effect}");
        }
        if reached_end {
            return;
        }
        calls += 1;
    }
}

#[test]
fn a_compaction_leaves_what_a_rebuild_under_way_has_read() {
    let (tenant, home) = due();
    let rebuilder = worker("r", "1");
    let rebuilding = claim(
        tenant.platform(),
        STORE,
        Duty::Rebuild,
        &rebuilder,
        false,
        |_| true,
    );
    let rebuilding = rebuilding.unwrap().unwrap();
    assert!(!compact_once(tenant.platform()));
    // The first run after the claim holds changes from before it.
    add_many(tenant.platform(), &home, "b", 3 * TAIL_CHANGES);
    compact_all(tenant.platform());
    let compacted = check(tenant.platform(), STORE).unwrap();
    let read: Vec<_> = rebuilding.manifest.runs.iter().map(|run| &run.id).collect();
    let ids: Vec<_> = compacted.runs.iter().map(|run| &run.id).collect();
    assert!(ids.ends_with(&read));
    for segment in &rebuilding.manifest.segments {
        assert!(compacted.segment(&segment.meta.id).is_some());
    }
    rebuilding.release(tenant.platform()).unwrap();
    compact_all(tenant.platform());
    assert_eq!(check(tenant.platform(), STORE).unwrap().runs.len(), 1);
}

#[test]
fn a_compaction_gives_way_to_a_rebuild_that_began_meanwhile() {
    let (tenant, home) = due();
    let slow = Hooked::interrupted(&tenant.objects, Op::Create, || {
        let rebuilder = worker("r", "1");
        claim(
            tenant.platform(),
            STORE,
            Duty::Rebuild,
            &rebuilder,
            false,
            |_| true,
        )
        .unwrap();
    });
    let before = kept(&tenant, &home);
    assert!(!compact_once(tenant.through(&slow)));
    assert_eq!(kept(&tenant, &home), before);
    check(tenant.platform(), STORE);
}

#[test]
fn segments_that_are_half_dead_are_written_anew() {
    let (tenant, home) = due();
    compact_all(tenant.platform());
    for number in 0..2 * TAIL_CHANGES - 2 {
        take_out(tenant.platform(), &home, &format!("file-a{number:03}")).unwrap();
    }
    compact_all(tenant.platform());
    // Deletions that are in the tail yet.
    for number in 0..2 {
        let name = format!("t{number}");
        add(
            tenant.platform(),
            &home,
            &format!("file-{name}"),
            &name,
            &one(&name),
        )
        .unwrap();
    }
    compact_all(tenant.platform());
    let compacted = check(tenant.platform(), STORE).unwrap();
    let rows: u32 = compacted.segments.iter().map(|one| one.meta.rows).sum();
    assert_eq!((rows, files(&tenant).len()), (4, 4));
    assert_eq!(compacted.runs.iter().map(|run| run.entries).sum::<u64>(), 4);
}
