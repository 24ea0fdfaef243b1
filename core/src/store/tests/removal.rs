use super::*;
use crate::files::{self, FileMeta};
use crate::pending::{End, LastError, Pending, accept, conclude, decide};
use crate::store::{
    GRACE_MS, StoreError, all_marked, create, delete, finish_deletion, finish_deletions, take_out,
};
use crate::testing::{Hooked, keys};

/// A store with something of everything.
fn used() -> (Tenant, Home) {
    let (tenant, home) = store();
    let platform = tenant.platform();
    add_many(platform, &home, "a", 70);
    compact_all(platform);
    for number in 0..20 {
        take_out(platform, &home, &format!("file-a{number:03}")).unwrap();
        add(platform, &home, "file-b", &format!("b{number}"), &one("b")).unwrap();
    }
    for ingest in ["waits", "fails"] {
        let file = FileMeta {
            id: format!("file-{ingest}"),
            bytes: 1,
            created_at: 1,
            filename: "a.txt".to_owned(),
            purpose: "assistants".to_owned(),
            content_type: None,
            expires_at: None,
            parts: Vec::new(),
        };
        files::write(platform.objects, &file).unwrap();
        let asked = Pending::new(&file, ingest.to_owned());
        let pending = accept(platform, &home, asked).unwrap();
        if ingest == "fails" {
            let end = End::Failed {
                error: LastError::server("no"),
            };
            decide(platform, &home, ingest, end.clone()).unwrap();
            conclude(platform, &home, &pending.ticket(&home), &end).unwrap();
        }
    }
    (tenant, home)
}

/// All keys but those of files, which are not the store's.
fn left(tenant: &Tenant) -> Vec<String> {
    let mut all = keys(&tenant.objects, "");
    all.retain(|key| !key.starts_with("files/"));
    all
}

fn only_the_tombstone(tenant: &Tenant) {
    let left = left(tenant);
    assert_eq!(left.len(), 1, "{left:?}");
    let newest = crate::store::newest(tenant.platform(), STORE)
        .unwrap()
        .unwrap();
    assert!(newest.deleted);
    assert_eq!(left[0], crate::store::manifest_key(STORE, newest.version));
}

#[test]
fn a_deleted_store_leaves_its_tombstone_and_nothing_else() {
    let (tenant, home) = used();
    let before = newest(&tenant);
    assert_eq!(delete(tenant.platform(), &before).unwrap(), home);
    assert_eq!(current(tenant.platform(), STORE).unwrap(), None);
    finish_deletion(tenant.platform(), &home).unwrap();
    tenant.clock.advance(GRACE_MS - 1);
    finish_deletion(tenant.platform(), &home).unwrap();
    assert_eq!(
        left(&tenant).len(),
        2,
        "its record is kept for late writers"
    );
    tenant.clock.advance(1);
    finish_deletions(tenant.platform(), 10).unwrap();
    only_the_tombstone(&tenant);
    finish_deletions(tenant.platform(), 10).unwrap();
    only_the_tombstone(&tenant);
}

#[test]
fn a_deletion_cut_off_anywhere_is_gone_on_with() {
    let mut calls = 1;
    loop {
        let mut ended = false;
        for after_effect in [false, true] {
            let (tenant, home) = used();
            let before = newest(&tenant);
            let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
            let through = tenant.through(&crashing);
            let deleted = delete(through, &before);
            let finished = deleted
                .clone()
                .and_then(|home| finish_deletion(through, &home));
            ended |= finished.is_ok();
            let is_there = current(tenant.platform(), STORE).unwrap().is_some();
            assert!(
                deleted.is_err() || !is_there,
                "{calls}: it was acknowledged"
            );
            if is_there {
                check(tenant.platform(), STORE);
                // A record without a deletion does no harm, and goes.
                finish_deletions(tenant.platform(), 10).unwrap();
                check(tenant.platform(), STORE).unwrap();
                tenant.clock.advance(GRACE_MS);
                finish_deletions(tenant.platform(), 10).unwrap();
                check(tenant.platform(), STORE).unwrap();
                assert_eq!(keys(&tenant.objects, "work/"), Vec::<String>::new());
                // Its client asks again.
                assert_eq!(delete(tenant.platform(), &before).unwrap(), home);
            } else {
                // Its client asks again, and is told that it is gone.
                let again = delete(tenant.platform(), &before);
                assert_eq!(again, Ok(home), "{calls}");
            }
            finish_deletions(tenant.platform(), 10).unwrap();
            tenant.clock.advance(GRACE_MS);
            finish_deletions(tenant.platform(), 10).unwrap();
            only_the_tombstone(&tenant);
        }
        if ended {
            return;
        }
        calls += 1;
    }
}

#[test]
fn what_late_writers_leave_goes_with_the_record_of_the_deletion() {
    let (tenant, home) = used();
    delete(tenant.platform(), &newest(&tenant)).unwrap();
    finish_deletion(tenant.platform(), &home).unwrap();
    tenant.clock.advance(1_000);
    let late = add(tenant.platform(), &home, "file-late", "late", &one("late"));
    assert_eq!(late, Err(StoreError::NoSuchStore(STORE.to_owned())));
    assert_eq!(keys(&tenant.objects, &home.folder()).len(), 1);
    tenant.clock.advance(GRACE_MS);
    finish_deletions(tenant.platform(), 10).unwrap();
    only_the_tombstone(&tenant);
}

#[test]
fn a_deletion_of_a_former_life_leaves_the_present_one_alone() {
    let (tenant, home) = used();
    let before = newest(&tenant);
    delete(tenant.platform(), &before).unwrap();
    tenant.clock.advance(1);
    let again = create(tenant.platform(), &first(STORE, None)).unwrap();
    add_many(tenant.platform(), &again.home(), "n", 40);
    // The one who deletes by what it has read before, and those who go on with it.
    assert_eq!(delete(tenant.platform(), &before).unwrap(), home);
    finish_deletions(tenant.platform(), 10).unwrap();
    tenant.clock.advance(GRACE_MS);
    finish_deletions(tenant.platform(), 10).unwrap();
    assert_eq!(check(tenant.platform(), STORE).unwrap().totals.files, 40);
    assert_eq!(keys(&tenant.objects, &home.folder()), Vec::<String>::new());
    assert_eq!(keys(&tenant.objects, &home.queue()), Vec::<String>::new());
    assert_eq!(keys(&tenant.objects, "work/"), Vec::<String>::new());
    let marked = all_marked(tenant.platform()).unwrap();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].incarnation, again.incarnation);
    // Those of the second life do not touch the third.
    delete(tenant.platform(), &newest(&tenant)).unwrap();
    tenant.clock.advance(1);
    create(tenant.platform(), &first(STORE, None)).unwrap();
    finish_deletion(tenant.platform(), &again.home()).unwrap();
    check(tenant.platform(), STORE).unwrap();
}
