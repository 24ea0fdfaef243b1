//! Stores of old formats: read as they are, and moved over by their first change.

mod fixture;

use fixture::{large_store, old_store};

use super::*;
use crate::filter::{AttributeValue, Filter};
use crate::ops::{self, Listed, look_after};
use crate::pending::Status;
use crate::rebuild::{Order, rebuild};
use crate::search::{BaseIndex, Search, search};
use crate::segment::Query;
use crate::store::{
    Duty, GRACE_MS, MAX_MANIFEST_BYTES, StoreError, Upkeep, all_marked, claim, create, delete,
    find, finish_deletions, is_old, manifest_key, set_attributes, take_out,
};
use crate::testing::{Hooked, Maker, Stored, keys};

/// What a search in the store finds.
const TEXTS: [&str; 9] = [
    "seg-b2 file-b 0",
    "seg-b2 file-b 1",
    "seg-b2 file-b 2",
    "seg-d1 file-d 0",
    "seg-d1 file-d 1",
    "seg-d2 file-d 0",
    "seg-m1 file-a 0",
    "seg-m1 file-a 1",
    "seg-m1 file-e 0",
];

fn all_kinds() -> impl Iterator<Item = Tenant> {
    let kinds = [(1, false), (2, false), (2, true)];
    kinds
        .into_iter()
        .map(|(format, is_indexed)| old_store(format, is_indexed))
}

fn found(tenant: &Tenant, filter: Option<&Filter>, natively: bool) -> Vec<String> {
    let platform = tenant.platform();
    let newest = newest(tenant);
    let stored = Stored::of(&tenant.objects, &newest).filter(|_| natively);
    let wanted = Search {
        queries: &[Query::new(&[1.0, 0.5, 0.25, 0.1]).unwrap()],
        limit: 100,
        threshold: 0.0,
        filter,
        base: stored.as_ref().map(|one| one as &dyn BaseIndex<StoreError>),
    };
    let found = search(platform, &newest, &wanted).unwrap().into_iter();
    let mut texts: Vec<String> = found.map(|one| one.row.text).collect();
    texts.sort();
    texts
}

fn holds(tenant: &Tenant, expected: &[&str]) {
    check(tenant.platform(), STORE).unwrap();
    for natively in [false, true] {
        assert_eq!(found(tenant, None, natively), expected);
    }
}

fn upkeep() -> Upkeep {
    Upkeep {
        worker: worker("a", "1"),
        indexing: INDEXING,
    }
}

/// What is left below the store's folder and not in its incarnation's.
fn old_keys(tenant: &Tenant) -> Vec<String> {
    let mut keys = keys(&tenant.objects, &format!("stores/{STORE}/"));
    let home = newest(tenant).home().folder();
    keys.retain(|key| !key.starts_with(&home) && !key.contains("/manifest/"));
    keys
}

#[test]
fn it_is_read_and_searched_and_nothing_is_written() {
    for tenant in all_kinds() {
        let before = keys(&tenant.objects, "");
        holds(&tenant, &TEXTS);
        let manifest = newest(&tenant);
        assert_eq!((manifest.totals.files, manifest.totals.rows), (4, 9));
        assert_eq!(files(&tenant), ["file-a", "file-b", "file-d", "file-e"]);
        let file = find(tenant.platform(), &manifest, "file-a")
            .unwrap()
            .unwrap();
        assert_eq!(file.attributes["even"], AttributeValue::Bool(true));
        assert_eq!((file.created_at, file.usage_bytes), (7, 100));
        let even = serde_json::json!({"type": "eq", "key": "even", "value": true});
        let even = Filter::parse(&even).unwrap();
        assert_eq!(found(&tenant, Some(&even), true), &TEXTS[6..8]);
        assert_eq!(keys(&tenant.objects, ""), before);
    }
}

#[test]
fn any_change_moves_it_over_and_dead_rows_stay_dead() {
    type Step = fn(&Tenant, &Home);
    let nothing: Vec<&str> = TEXTS.to_vec();
    let without = |gone: &str| -> Vec<&str> {
        let kept = TEXTS.into_iter().filter(|text| !text.contains(gone));
        kept.collect()
    };
    let steps: [(Step, Vec<&str>); 6] = [
        (
            |tenant, home| assert!(take_out(tenant.platform(), home, "file-e").unwrap()),
            without("file-e"),
        ),
        (
            |tenant, home| {
                set_attributes(tenant.platform(), home, "file-b", &Default::default()).unwrap();
            },
            nothing.clone(),
        ),
        (
            |tenant, home| {
                let vector = [[1.0, 0.0, 0.0, 0.0]];
                add(
                    tenant.platform(),
                    home,
                    "file-d",
                    "d2",
                    &rows("anew", &vector),
                )
                .unwrap();
            },
            [vec!["anew 0"], without("file-d")].concat(),
        ),
        (
            |tenant, _| {
                let duty = Duty::Compaction;
                claim(
                    tenant.platform(),
                    STORE,
                    duty,
                    &worker("a", "1"),
                    false,
                    |_| true,
                )
                .unwrap();
            },
            nothing.clone(),
        ),
        (
            |tenant, _| {
                let order = Order::new(STORE, worker("a", "1"), 1 << 30);
                let maker = Maker::new(|| ());
                rebuild(tenant.platform(), &order, &maker, &mut |_| {}).unwrap();
            },
            nothing.clone(),
        ),
        (
            |tenant, _| {
                // As hosts and guests change what is not of files.
                crate::store::change(tenant.platform(), STORE, |newest| {
                    let mut next = newest.clone();
                    next.store.name = Some("renamed".to_owned());
                    Ok::<_, StoreError>(Some(next.into()))
                })
                .unwrap();
            },
            nothing.clone(),
        ),
    ];
    for (step, expected) in steps {
        for tenant in all_kinds() {
            let home = newest(&tenant).home();
            step(&tenant, &home);
            let moved = newest(&tenant);
            assert_eq!(moved.format, crate::store::FORMAT);
            assert!(moved.version > 7 && moved.history.contains(&"legacy-7".to_owned()));
            holds(&tenant, &expected);
            // What was superseded before is not forgotten.
            let old = format!("stores/{STORE}/segments/seg-old.arrow");
            let noted: Vec<String> = moved.garbage.into_iter().flat_map(|one| one.keys).collect();
            assert!(noted.contains(&old));
            let marked = all_marked(tenant.platform()).unwrap();
            assert_eq!(marked.len(), 1);
        }
    }
}

#[test]
fn upkeep_moves_it_over_with_its_ingestions_and_leaves_nothing_old() {
    for tenant in all_kinds() {
        let platform = tenant.platform();
        look_after(platform, STORE, &upkeep(), true).unwrap();
        holds(&tenant, &TEXTS);
        let home = newest(&tenant).home();
        let waiting = ops::look(platform, &home, "file-p").unwrap().unwrap();
        assert_eq!(waiting.status(), Status::InProgress);
        let Some(Listed::Pending(failed)) = ops::look(platform, &home, "file-q").unwrap() else {
            panic!("it is out of sight");
        };
        assert_eq!(failed.last_error.unwrap().message, "no");
        let named = crate::store::named(&newest(&tenant));
        let superseded = format!("stores/{STORE}/segments/seg-old.arrow");
        for key in old_keys(&tenant) {
            assert!(named.contains(&key) || key == superseded, "{key}");
        }
        tenant.clock.advance(GRACE_MS);
        look_after(platform, STORE, &upkeep(), true).unwrap();
        assert!(tenant.objects.get(&superseded).is_err());
        holds(&tenant, &TEXTS);
        assert!(is_old(platform, STORE).unwrap());
        // A rebuild takes every row along.
        let order = Order::new(STORE, worker("a", "1"), 1 << 30);
        rebuild(platform, &order, &Maker::new(|| ()), &mut |_| {}).unwrap();
        holds(&tenant, &TEXTS);
        look_after(platform, STORE, &upkeep(), true).unwrap();
        tenant.clock.advance(GRACE_MS);
        look_after(platform, STORE, &upkeep(), true).unwrap();
        holds(&tenant, &TEXTS);
        assert_eq!(old_keys(&tenant), Vec::<String>::new());
        assert!(!is_old(platform, STORE).unwrap());
    }
}

#[test]
fn compactions_take_its_rows_along() {
    let tenant = old_store(2, false);
    let home = newest(&tenant).home();
    add_many(tenant.platform(), &home, "n", 100);
    compact_all(tenant.platform());
    check(tenant.platform(), STORE);
    assert_eq!(found(&tenant, None, false).len(), 100);
    assert_eq!(files(&tenant).len(), 104);
    let metas = newest(&tenant).segments;
    assert!(metas.iter().all(|one| !one.meta.legacy), "{metas:?}");
    look_after(tenant.platform(), STORE, &upkeep(), true).unwrap();
    tenant.clock.advance(GRACE_MS);
    look_after(tenant.platform(), STORE, &upkeep(), true).unwrap();
    assert_eq!(old_keys(&tenant), Vec::<String>::new());
}

#[test]
fn moving_over_may_be_cut_off_anywhere() {
    let mut calls = 1;
    loop {
        let mut ended = false;
        for after_effect in [false, true] {
            let tenant = old_store(2, true);
            let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
            ended |= look_after(tenant.through(&crashing), STORE, &upkeep(), true).is_ok();
            holds(&tenant, &TEXTS);
            look_after(tenant.platform(), STORE, &upkeep(), true).unwrap();
            holds(&tenant, &TEXTS);
            let home = newest(&tenant).home();
            let waiting = ops::look(tenant.platform(), &home, "file-p").unwrap();
            assert_eq!(waiting.unwrap().status(), Status::InProgress);
        }
        if ended {
            return;
        }
        calls += 1;
    }
}

#[test]
fn its_deletion_may_be_cut_off_anywhere_and_leaves_nothing_but_the_tombstone() {
    let mut calls = 1;
    loop {
        let tenant = old_store(2, true);
        let before = newest(&tenant);
        let crashing = Hooked::crashing(&tenant.objects, calls, calls % 2 == 0);
        let through = tenant.through(&crashing);
        let ended =
            delete(through, &before).and_then(|home| crate::store::finish_deletion(through, &home));
        delete(tenant.platform(), &before).unwrap();
        finish_deletions(tenant.platform(), 10).unwrap();
        tenant.clock.advance(GRACE_MS);
        finish_deletions(tenant.platform(), 10).unwrap();
        let left = keys(&tenant.objects, "");
        assert_eq!(left.len(), 1, "{calls}: {left:?}");
        assert!(left[0].contains("/manifest/"));
        if ended.is_ok() {
            return;
        }
        calls += 1;
    }
}

#[test]
fn a_name_that_is_taken_again_begins_empty_and_takes_on_nothing_that_waited() {
    let tenant = old_store(2, false);
    let before = newest(&tenant);
    delete(tenant.platform(), &before).unwrap();
    let again = create(tenant.platform(), &first(STORE, None)).unwrap();
    look_after(tenant.platform(), STORE, &upkeep(), true).unwrap();
    holds(&tenant, &[]);
    assert_eq!(
        keys(&tenant.objects, &again.home().queue()),
        Vec::<String>::new()
    );
    assert_eq!(old_keys(&tenant), Vec::<String>::new());
}

#[test]
fn a_table_of_many_files_becomes_one_run() {
    let tenant = large_store(5_000, 1_000);
    check(tenant.platform(), STORE);
    let home = newest(&tenant).home();
    take_out(tenant.platform(), &home, "file-00007").unwrap();
    let moved = check(tenant.platform(), STORE).unwrap();
    assert_eq!(
        (moved.totals.files, moved.runs.len(), moved.tail.len()),
        (4_999, 1, 1)
    );
    let key = manifest_key(STORE, moved.version);
    assert!(tenant.objects.head(&key).unwrap().size < 8 << 10);
}

#[test]
fn one_of_more_segments_than_a_manifest_may_name_moves_over_and_becomes_small() {
    let tenant = large_store(1_500, 3);
    let home = newest(&tenant).home();
    take_out(tenant.platform(), &home, "file-00007").unwrap();
    let moved = check(tenant.platform(), STORE).unwrap();
    let size = |version| {
        let key = manifest_key(STORE, version);
        tenant.objects.head(&key).unwrap().size as usize
    };
    assert!(size(moved.version) > MAX_MANIFEST_BYTES, "too few segments");
    compact_all(tenant.platform());
    let compacted = check(tenant.platform(), STORE).unwrap();
    assert_eq!(compacted.totals.files, 1_499);
    assert!(size(compacted.version) < MAX_MANIFEST_BYTES / 2);
    assert_eq!(compacted.most_bytes(), MAX_MANIFEST_BYTES);
}
