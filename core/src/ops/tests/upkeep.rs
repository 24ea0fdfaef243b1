use std::cell::Cell;

use super::*;
use crate::store::{GRACE_MS, SCRUB_AFTER_MS, delete, manifests};
use crate::testing::{Hooked, Op, entry, write_segment};

fn after(tenant: &Tenant, committed: &Manifest) {
    after_commit(tenant.platform(), committed, &upkeep()).unwrap();
}

fn fill(tenant: &Tenant, home: &Home, count: usize) {
    for number in 0..count {
        let (id, ingest) = (format!("file-{number:05}"), format!("i{number}"));
        let committed = add(tenant.platform(), home, &id, &ingest, &one(&ingest)).unwrap();
        after(tenant, &committed);
    }
}

#[test]
fn what_requests_do_after_their_answers_keeps_a_store_in_few_objects() {
    let (tenant, home) = store();
    fill(&tenant, &home, 600);
    let newest = check(tenant.platform(), STORE).unwrap();
    assert!(newest.segments.len() <= 60, "{}", newest.segments.len());
    assert!(newest.runs.len() <= 8, "{:?}", newest.runs);
    assert!(keys(&tenant.objects, &manifests(STORE)).len() <= 50);
}

#[test]
fn an_hour_after_many_uploads_a_store_takes_little_more_than_what_is_live() {
    let (tenant, home) = store();
    for number in 0..1_000 {
        let (id, ingest) = (format!("file-{number:05}"), format!("i{number}"));
        let row = |chunk: u32| (format!("{chunk} {}", "words ".repeat(150)), vec![1.0, 0.5]);
        let rows: Rows = (0..20).map(row).collect();
        let committed = add(tenant.platform(), &home, &id, &ingest, &rows).unwrap();
        after(&tenant, &committed);
        tenant.clock.advance(30);
    }
    tenant.clock.advance(GRACE_MS);
    look_after(tenant.platform(), STORE, &upkeep(), false).unwrap();
    tenant.clock.advance(GRACE_MS);
    look_after(tenant.platform(), STORE, &upkeep(), false).unwrap();
    let newest = check(tenant.platform(), STORE).unwrap();
    let all = tenant.objects.list_all("").unwrap();
    let taken: u64 = all.iter().map(|meta| meta.size).sum();
    let live: u64 = 1_000 * 20 * 900;
    assert!(taken < live * 3 / 2, "{taken} for {live}");
    let named = store::named(&newest);
    let strange = store::unreachable(tenant.platform(), &newest, &Default::default()).unwrap();
    assert_eq!(strange, []);
    assert!(
        all.len() < named.len() + 60,
        "{} of {}",
        all.len(),
        named.len()
    );
}

#[test]
fn a_store_that_nobody_uses_expires_with_all_it_has() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    store::change(platform, STORE, |newest| {
        let mut next = newest.clone();
        next.store.expires_after = Some(store::ExpiresAfter {
            anchor: "last_active_at".to_owned(),
            days: 1,
        });
        Ok::<_, StoreError>(Some(next.into()))
    })
    .unwrap();
    fill(&tenant, &home, 70);
    let used_s = newest(&tenant).active_ms / 1_000;
    // Upkeep is no use.
    tenant.clock.advance(80_000_000);
    look_after(platform, STORE, &upkeep(), true).unwrap();
    assert_eq!(newest(&tenant).expires_at(), Some(used_s + 86_400));
    tenant.clock.advance(6_400_000 + GRACE_MS + 1_000);
    look_after(platform, STORE, &upkeep(), true).unwrap();
    assert_eq!(store::current(platform, STORE).unwrap(), None);
    tenant.clock.advance(GRACE_MS);
    store::finish_deletions(platform, 10).unwrap();
    assert_eq!(keys(&tenant.objects, "stores/").len(), 1);
    look_after(platform, STORE, &upkeep(), true).unwrap();
}

#[test]
fn what_belongs_to_nothing_goes_after_a_day() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    fill(&tenant, &home, 70);
    let pending = attach_one(platform, &home, "file-p");
    let own = format!("segments/seg-{}-0.arrow", pending.ingest_id);
    let kept = [
        own.as_str(),
        &format!("progress/{}/00000001.json", pending.ingest_id),
        &format!("attempts/{}/00000001.json", pending.ingest_id),
    ];
    let strange = [
        "segments/seg-killed-0.arrow",
        "segments/seg-m-killed.arrow",
        "files/killed.arrow",
        "dead/killed.roaring",
        "base/0000000001-killed/index.faiss",
        "progress/killed/00000001.json",
        "attempts/killed/00000001.json",
    ];
    for rest in kept.iter().chain(&strange) {
        tenant.objects.put(&home.key(rest), b"x").unwrap();
    }
    // Of a life that has ended, and whose deletion nobody remembers.
    let former = Home::new(STORE, "i00000000001aaaaaaaaaaaaaaaa");
    tenant.objects.put(&former.segment("x"), b"x").unwrap();
    let all = keys(&tenant.objects, "stores/");
    let found = store::unreachable(
        platform,
        &newest(&tenant),
        &[pending.ingest_id.clone()].into(),
    );
    assert_eq!(found.unwrap().len(), strange.len());
    tenant.clock.advance(SCRUB_AFTER_MS);
    assert_eq!(look_after(platform, STORE, &upkeep(), false).unwrap(), 0);
    assert!(all.len() > strange.len());
    let removed = look_after(platform, STORE, &upkeep(), true).unwrap();
    assert_eq!(removed, strange.len());
    check(platform, STORE).unwrap();
    for rest in kept {
        assert!(tenant.objects.head(&home.key(rest)).is_ok(), "{rest}");
    }
    for rest in strange {
        assert!(tenant.objects.head(&home.key(rest)).is_err(), "{rest}");
    }
    assert!(tenant.objects.head(&former.segment("x")).is_err());
    assert_eq!(
        look(platform, &home, "file-p").unwrap().unwrap().status(),
        Status::InProgress
    );
}

#[test]
fn files_that_never_came_to_be_go_and_those_that_are_there_stay() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let there = file(platform, "file-there");
    for number in 0..1_500 {
        let key = files::content_key(&format!("file-{number:04}"));
        tenant.objects.put(&key, b"x").unwrap();
    }
    idempotent_file_id(platform, "upload", "key").unwrap();
    tenant.clock.advance(SCRUB_AFTER_MS);
    let mut place = None;
    let mut pieces = 0;
    loop {
        place = scrub_files(platform, place.as_deref()).unwrap();
        pieces += 1;
        if place.is_none() {
            break;
        }
    }
    assert_eq!(pieces, 3);
    let left = keys(&tenant.objects, "");
    assert_eq!(
        left,
        [files::content_key(&there.id), files::meta_key(&there.id)]
    );
}

#[test]
fn versions_of_late_writers_and_markers_of_nothing_go() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    fill(&tenant, &home, 100);
    let data = tenant
        .objects
        .get(&store::manifest_key(STORE, newest(&tenant).version))
        .unwrap();
    tenant
        .objects
        .put(&store::manifest_key(STORE, 3), &data)
        .unwrap();
    look_after(platform, STORE, &upkeep(), false).unwrap();
    assert!(tenant.objects.head(&store::manifest_key(STORE, 3)).is_err());
    tenant.clock.advance(1);
    let gone = make(platform, "vs_gone");
    delete(platform, &store::existing(platform, "vs_gone").unwrap()).unwrap();
    tenant.clock.advance(SCRUB_AFTER_MS);
    scrub_catalog(platform).unwrap();
    let marked: Vec<String> = list_stores(platform)
        .unwrap()
        .into_iter()
        .map(|one| one.store)
        .collect();
    assert_eq!(marked, [home.store]);
    drop(gone);
}

/// Looks after the store, and stands still for a day before that is listed for the last time; what
/// came meanwhile stays.
fn stands_still(tenant: &Tenant, listed: &str, meanwhile: impl Fn()) {
    let lists = Cell::new(0);
    let counted = Hooked::new(&tenant.objects).before(|call| {
        lists.set(lists.get() + u32::from(call.op == Op::List && call.key == listed));
        Ok(())
    });
    look_after(tenant.through(&counted), STORE, &upkeep(), true).unwrap();
    let began_ms = tenant.clock.now();
    let slow = Hooked::new(&tenant.objects)
        .written_at(began_ms)
        .before(|call| {
            if call.op == Op::List && call.key == listed {
                lists.set(lists.get() - 1);
                if lists.get() == 0 {
                    meanwhile();
                    tenant.clock.advance(SCRUB_AFTER_MS);
                }
            }
            Ok(())
        });
    look_after(tenant.through(&slow), STORE, &upkeep(), true).unwrap();
    assert_eq!(lists.get(), 0);
    assert_eq!(check(tenant.platform(), STORE).unwrap().totals.files, 1);
}

#[test]
fn a_scrub_that_stood_still_for_a_day_removes_nothing_that_came_meanwhile() {
    let (tenant, home) = store();
    // After the version was read, before the objects are listed.
    stands_still(&tenant, &home.queue(), || {
        add(tenant.platform(), &home, "file-late", "late", &one("late")).unwrap();
    });
}

#[test]
fn a_store_that_was_made_again_while_a_scrub_stood_still_for_a_day_stays() {
    let (tenant, _) = store();
    stands_still(&tenant, &format!("stores/{STORE}/"), || {
        delete(tenant.platform(), &newest(&tenant)).unwrap();
        tenant.clock.advance(1);
        let again = make(tenant.platform(), STORE);
        add(tenant.platform(), &again, "file-late", "late", &one("late")).unwrap();
    });
}

#[test]
fn a_commit_that_stood_still_for_a_day_names_nothing_that_was_scrubbed_meanwhile() {
    for has_come_far in [false, true] {
        let (tenant, home) = store();
        let platform = tenant.platform();
        file(platform, "file-a");
        let ingest_id = platform.new_id("");
        let id = format!("{}0", pending::segment_prefix(&ingest_id));
        let rows = one("a");
        let segments = [write_segment(platform, &home, &id, "file-a", 0, &rows)];
        let added = entry("file-a", &ingest_id, &segments);
        let scrubbed = || {
            tenant.clock.advance(SCRUB_AFTER_MS);
            look_after(platform, STORE, &upkeep(), true).unwrap();
        };
        let op = match has_come_far {
            false => Op::Get,
            true => Op::PutNew,
        };
        let slow = Hooked::interrupted(&tenant.objects, op, scrubbed);
        let late = commit_upload(tenant.through(&slow), &home, &added, &segments);
        assert_eq!(late, Err(PendingError::Cancelled), "{op:?}");
        assert_eq!(check(platform, STORE).unwrap().totals.files, 0);
    }
}

#[test]
fn a_compaction_that_stood_still_for_a_day_comes_to_nothing() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    for number in 0..64 {
        let id = format!("file-{number:02}");
        add(platform, &home, &id, &id, &one(&id)).unwrap();
    }
    let scrubs = Cell::new(0);
    let slow = Hooked::new(&tenant.objects).before(|call| {
        let is_whole = call.is_commit() && !keys(&tenant.objects, &moved(&home)).is_empty();
        if is_whole && scrubs.replace(scrubs.get() + 1) == 0 {
            tenant.clock.advance(SCRUB_AFTER_MS);
            let (newest, now_ms) = (newest(&tenant), platform.now_ms());
            let removed = store::scrub(platform, &newest, &Default::default(), now_ms);
            assert!(removed.unwrap() > 0);
        }
        Ok(())
    });
    let Upkeep { worker, indexing } = upkeep();
    let _ = store::compact(tenant.through(&slow), STORE, &worker, indexing, true);
    assert!(scrubs.get() > 0, "it wrote nothing");
    assert_eq!(check(platform, STORE).unwrap().totals.files, 64);
}

fn moved(home: &Home) -> String {
    home.key("segments/seg-m-")
}
