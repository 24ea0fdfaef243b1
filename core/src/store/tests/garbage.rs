use super::*;
use crate::objects::ObjectError;
use crate::search::{Search, search};
use crate::segment::Query;
use crate::store::garbage::recorded as recorded_garbage;
use crate::store::{
    GRACE_MS, MAX_MANIFEST_BYTES, StoreError, collect_garbage, collect_noted_garbage, manifest_key,
    take_out,
};
use crate::testing::{Hooked, Op, keys};

fn collect_all(tenant: &Tenant) {
    let newest = newest(tenant);
    while collect_garbage(tenant.platform(), &newest).unwrap() {}
    collect_noted_garbage(tenant.platform(), &newest).unwrap();
}

/// So many replacements of one file.
fn replace(tenant: &Tenant, home: &Home, prefix: &str, times: usize) {
    for number in 0..times {
        let ingest = format!("{prefix}{number}");
        add(tenant.platform(), home, "file-a", &ingest, &one(&ingest)).unwrap();
    }
}

#[test]
fn superseded_objects_go_when_the_grace_has_passed() {
    for others in [0, 100] {
        let (tenant, home) = store();
        add(tenant.platform(), &home, "file-a", "old", &one("old")).unwrap();
        add(tenant.platform(), &home, "file-a", "new", &one("new")).unwrap();
        let (old, new) = (home.segment("seg-old-0"), home.segment("seg-new-0"));
        replace(&tenant, &home, "other", 0);
        tenant.clock.advance(GRACE_MS - 10_000);
        for number in 0..others {
            let name = format!("b{number}");
            add(tenant.platform(), &home, "file-b", &name, &one(&name)).unwrap();
        }
        collect_all(&tenant);
        assert!(
            tenant.objects.get(&old).is_ok(),
            "a reader may still hold it"
        );
        tenant.clock.advance(3 * GRACE_MS);
        collect_all(&tenant);
        assert_eq!(tenant.objects.get(&old), Err(ObjectError::NotFound));
        assert!(tenant.objects.get(&new).is_ok());
        check(tenant.platform(), STORE);
        assert_eq!(
            recorded_garbage(tenant.platform(), &home).unwrap(),
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_version_that_comes_an_hour_late_leaves_its_readers_their_hour() {
    let (tenant, home) = store();
    add(tenant.platform(), &home, "file-a", "old", &one("old")).unwrap();
    let late = Hooked::new(&tenant.objects).before(|call| {
        if call.op == Op::PutNew && call.key.contains("/manifest/") {
            tenant.clock.advance(2 * GRACE_MS);
        }
        Ok(())
    });
    let through = tenant.through(&late);
    add(through, &home, "file-a", "new", &one("new")).unwrap();
    // Until now the old one was the newest, and was read.
    let old = home.segment("seg-old-0");
    collect_all(&tenant);
    tenant.clock.advance(GRACE_MS - 1_000);
    collect_all(&tenant);
    assert!(tenant.objects.get(&old).is_ok());
    tenant.clock.advance(2_000);
    collect_all(&tenant);
    assert_eq!(tenant.objects.get(&old), Err(ObjectError::NotFound));
}

#[test]
fn garbage_becomes_records_before_a_manifest_holds_much_of_it() {
    let (tenant, home) = store();
    let mut largest = 0;
    for number in 0..300 {
        replace(&tenant, &home, &format!("r{number}x"), 1);
        let newest = newest(&tenant);
        let noted: usize = newest.garbage.iter().map(|one| one.keys.len()).sum();
        assert!(noted <= 24, "{noted}");
        let size = tenant
            .objects
            .head(&manifest_key(STORE, newest.version))
            .unwrap()
            .size;
        largest = largest.max(size);
    }
    assert!(largest < 8 << 10, "{largest}");
    let noted = newest(&tenant).garbage.into_iter().flat_map(|one| one.keys);
    let mut known = recorded_garbage(tenant.platform(), &home).unwrap();
    known.extend(noted);
    for number in 0..299 {
        let key = home.segment(&format!("seg-r{number}x0-0"));
        assert!(known.contains(&key), "{key} is forgotten");
    }
}

#[test]
fn a_reader_finishes_with_the_version_that_it_began_with() {
    let (tenant, home) = store();
    add_many(tenant.platform(), &home, "a", 70);
    let began = newest(&tenant);
    for round in 0..4 {
        for number in 0..70 {
            let (file, ingest) = (format!("file-a{number:03}"), format!("r{round}x{number}"));
            let committed = add(tenant.platform(), &home, &file, &ingest, &one(&ingest));
            tidy(tenant.platform(), &committed.unwrap()).unwrap();
            compact_all(tenant.platform());
        }
    }
    tenant.clock.advance(GRACE_MS - 60_000);
    collect_all(&tenant);
    let wanted = Search::<StoreError> {
        queries: &[Query::new(&[1.0, 0.0, 0.0, 1.0]).unwrap()],
        limit: 100,
        threshold: 0.0,
        filter: None,
        base: None,
    };
    let found = search(tenant.platform(), &began, &wanted).unwrap();
    assert_eq!(found.len(), 70);
    let first = |text: &str| text.starts_with('a');
    assert!(found.iter().all(|one| first(&one.row.text)));
}

#[test]
fn what_the_newest_version_names_stays_whatever_a_record_says() {
    let (tenant, home) = store();
    add_many(tenant.platform(), &home, "a", 2);
    let wrong = serde_json::json!([{ "since_ms": 0, "keys": [
        home.segment("seg-a0-0"), home.segment("gone"), home.key("segments/"),
    ] }]);
    let key = home.key("garbage/000000000000000000000000000.json");
    tenant
        .objects
        .put(&key, wrong.to_string().as_bytes())
        .unwrap();
    collect_all(&tenant);
    check(tenant.platform(), STORE);
    assert_eq!(
        keys(&tenant.objects, &home.key("garbage/")),
        Vec::<String>::new()
    );
}

#[test]
fn a_collection_cut_off_anywhere_is_gone_on_with() {
    let prepared = || {
        let (tenant, home) = store();
        replace(&tenant, &home, "r", 120);
        collect_all(&tenant);
        tenant.clock.advance(GRACE_MS);
        (tenant, home)
    };
    let mut calls = 1;
    loop {
        let (tenant, home) = prepared();
        let newest = newest(&tenant);
        let crashing = Hooked::crashing(&tenant.objects, calls, calls % 2 == 0);
        let ended = collect_garbage(tenant.through(&crashing), &newest)
            .and_then(|_| collect_noted_garbage(tenant.through(&crashing), &newest));
        let known = recorded_garbage(tenant.platform(), &home).unwrap();
        let noted: Vec<String> = newest
            .garbage
            .into_iter()
            .flat_map(|one| one.keys)
            .collect();
        for number in 0..119 {
            let key = home.segment(&format!("seg-r{number}-0"));
            let is_there = tenant.objects.head(&key).is_ok();
            assert!(
                !is_there || known.contains(&key) || noted.contains(&key),
                "{key}"
            );
        }
        collect_all(&tenant);
        check(tenant.platform(), STORE);
        assert_eq!(keys(&tenant.objects, &home.key("segments/")).len(), 1);
        assert_eq!(
            keys(&tenant.objects, &home.key("garbage/")),
            Vec::<String>::new()
        );
        if ended.is_ok() {
            return;
        }
        calls += 1;
    }
}

#[test]
fn one_collection_takes_a_bounded_number_of_records() {
    let (tenant, home) = store();
    for number in 0..70 {
        let garbage = serde_json::json!([{ "since_ms": number, "keys": [home.segment("x")] }]);
        let key = home.key(&format!("garbage/{number:027x}.json"));
        tenant
            .objects
            .put(&key, garbage.to_string().as_bytes())
            .unwrap();
    }
    let newest = newest(&tenant);
    let left = || keys(&tenant.objects, &home.key("garbage/")).len();
    assert!(collect_garbage(tenant.platform(), &newest).unwrap());
    assert_eq!(left(), 38);
    assert!(collect_garbage(tenant.platform(), &newest).unwrap());
    assert!(!collect_garbage(tenant.platform(), &newest).unwrap());
    assert_eq!(left(), 0);
}

#[test]
fn a_manifest_is_small_whatever_happens_to_its_store() {
    let (tenant, home) = store();
    let mut largest = 0;
    let mut look = |tenant: &Tenant| {
        let version = newest(tenant).version;
        let size = tenant
            .objects
            .head(&manifest_key(STORE, version))
            .unwrap()
            .size;
        largest = largest.max(size);
    };
    for number in 0..600 {
        let name = format!("b{number}");
        let file = format!("file-{name}-{}", "x".repeat(200));
        add(tenant.platform(), &home, &file, &name, &one(&name)).unwrap();
        let text = crate::filter::AttributeValue::Text("é".repeat(5_000));
        let attributes = [("long".to_owned(), text)].into();
        crate::store::set_attributes(tenant.platform(), &home, &file, &attributes).unwrap();
        look(&tenant);
        compact_all(tenant.platform());
        look(&tenant);
        if number % 3 == 0 {
            take_out(tenant.platform(), &home, &file).unwrap();
            look(&tenant);
        }
    }
    check(tenant.platform(), STORE);
    assert!(largest < MAX_MANIFEST_BYTES as u64 / 2, "{largest}");
}

#[test]
fn a_store_that_is_full_says_so_and_takes_more_when_it_was_compacted() {
    let (tenant, home) = store();
    let mut number = 0;
    let full = loop {
        let name = format!("b{number}");
        match add(
            tenant.platform(),
            &home,
            &format!("file-{name}"),
            &name,
            &one(&name),
        ) {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full, StoreError::Full);
    assert!(full.may_pass());
    assert!(number > 100, "{number}");
    check(tenant.platform(), STORE);
    // Whoever finds it so makes room.
    let upkeep = crate::store::Upkeep {
        worker: worker("a", "1"),
        indexing: INDEXING,
    };
    let is_full = |error: &StoreError| *error == StoreError::Full;
    crate::store::making_room(tenant.platform(), STORE, &upkeep, is_full, || {
        add(tenant.platform(), &home, "file-late", "late", &one("late"))
    })
    .unwrap();
    assert_eq!(files(&tenant).len(), number + 1);
    check(tenant.platform(), STORE);
}

#[test]
fn a_full_store_takes_deletions_too_once_there_is_room() {
    let (tenant, home) = store();
    let mut number = 0;
    while add(
        tenant.platform(),
        &home,
        &format!("file-{number:04}"),
        &number.to_string(),
        &one("a"),
    )
    .is_ok()
    {
        number += 1;
    }
    let upkeep = crate::store::Upkeep {
        worker: worker("a", "1"),
        indexing: INDEXING,
    };
    let is_full = |error: &StoreError| *error == StoreError::Full;
    for file in 0..number {
        let file = format!("file-{file:04}");
        crate::store::making_room(tenant.platform(), STORE, &upkeep, is_full, || {
            take_out(tenant.platform(), &home, &file)
        })
        .unwrap();
    }
    let empty = check(tenant.platform(), STORE).unwrap();
    assert_eq!(
        (empty.totals.files, empty.totals.rows, empty.segments.len()),
        (0, 0, 0)
    );
}
