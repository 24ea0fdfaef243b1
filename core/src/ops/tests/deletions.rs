use std::cell::Cell;

use super::*;
use crate::store::{GRACE_MS, SCRUB_AFTER_MS};
use crate::testing::Hooked;

fn look_everywhere(tenant: &Tenant, id: &str) -> Vec<Option<Status>> {
    let look_in = |store: &str| {
        let home = store::existing(tenant.platform(), store).unwrap().home();
        let listed = look(tenant.platform(), &home, id).unwrap();
        listed.map(|one| one.status())
    };
    vec![look_in(STORE), look_in("vs_other")]
}

/// A file in two stores: in one of them it is under way.
fn attached() -> (Tenant, Home, Home) {
    let (tenant, home) = store();
    let other = make(tenant.platform(), "vs_other");
    let pending = attach_one(tenant.platform(), &home, "file-a");
    complete(tenant.platform(), &home, &pending);
    attach_one(tenant.platform(), &other, "file-a");
    (tenant, home, other)
}

fn nothing_is_left(tenant: &Tenant) {
    let platform = tenant.platform();
    assert_eq!(look_everywhere(tenant, "file-a"), [None, None]);
    for store in [STORE, "vs_other"] {
        let newest = check(platform, store).unwrap();
        assert_eq!(newest.totals.files, 0);
        assert_eq!(
            keys(&tenant.objects, &newest.home().queue()),
            Vec::<String>::new()
        );
        let strange = store::unreachable(platform, &newest, &Default::default()).unwrap();
        assert_eq!(strange, []);
    }
    assert_eq!(keys(&tenant.objects, "files/"), Vec::<String>::new());
}

#[test]
fn a_deleted_file_is_in_no_store_and_leaves_nothing() {
    let (tenant, _, _) = attached();
    let platform = tenant.platform();
    delete_file(platform, "file-a").unwrap();
    assert_eq!(look_everywhere(&tenant, "file-a"), [None, None]);
    finish_file_deletion(platform, "file-a").unwrap();
    nothing_is_left(&tenant);
    assert_eq!(keys(&tenant.objects, "work/").len(), 1);
    tenant.clock.advance(GRACE_MS);
    finish_file_deletions(platform, 10).unwrap();
    assert_eq!(keys(&tenant.objects, "work/"), Vec::<String>::new());
}

#[test]
fn a_scrub_leaves_what_is_being_deleted_to_its_deletion() {
    for calls in 1..100 {
        let (tenant, _, _) = attached();
        tenant.clock.advance(SCRUB_AFTER_MS);
        let crashing = Hooked::crashing(&tenant.objects, calls, true);
        let ended = delete_file(tenant.through(&crashing), "file-a").is_ok();
        let is_begun = !keys(&tenant.objects, "work/").is_empty();
        let mut place = Some(files::FOLDER.to_owned());
        while let Some(from) = place {
            place = scrub_files(tenant.platform(), Some(&from)).unwrap();
        }
        finish_file_deletions(tenant.platform(), 10).unwrap();
        if is_begun {
            assert_eq!(look_everywhere(&tenant, "file-a"), [None, None], "{calls}");
        }
        if ended {
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn its_deletion_may_be_cut_off_anywhere() {
    let mut calls = 1;
    loop {
        let mut ended = false;
        for after_effect in [false, true] {
            let (tenant, _, _) = attached();
            let crashing = Hooked::crashing(&tenant.objects, calls, after_effect);
            let through = tenant.through(&crashing);
            let deleted = delete_file(through, "file-a");
            ended |= deleted.is_ok() && finish_file_deletion(through, "file-a").is_ok();
            if deleted.is_ok() {
                assert_eq!(look_everywhere(&tenant, "file-a"), [None, None]);
            }
            let is_begun = !keys(&tenant.objects, "work/").is_empty();
            if !is_begun {
                delete_file(tenant.platform(), "file-a").unwrap();
            }
            finish_file_deletions(tenant.platform(), 10).unwrap();
            nothing_is_left(&tenant);
        }
        if ended {
            return;
        }
        calls += 1;
    }
}

/// Attaches a file as a request does, and works on it until it is done.
fn attach_and_work(platform: Platform<'_>, home: &Home) -> Result<(), PendingError> {
    let Ok(file) = files::read(platform.objects, "file-a") else {
        return Ok(());
    };
    let attached = attach(
        platform,
        home,
        &file,
        Default::default(),
        ChunkingStrategy::Auto,
    )?;
    let Some(hold) = pending::take_up(platform, home, &attached.pending, &worker("w", "1"), None)?
    else {
        return Ok(());
    };
    let id = format!("{}0", pending::segment_prefix(&attached.pending.ingest_id));
    let segments = [crate::testing::write_segment(
        platform,
        home,
        &id,
        "file-a",
        0,
        &one("a"),
    )];
    let entry = crate::testing::entry("file-a", &attached.pending.ingest_id, &segments);
    match hold.commit(&entry, &segments) {
        Ok(_) => hold.end(pending::Ending::Committed),
        Err(error) => hold.end(pending::Ending::Stopped(error)),
    }
}

/// Does `first` again and again, each time with `second` before another one of its calls, and
/// finds the file gone.
fn is_gone_whenever(first: impl Fn(Platform<'_>, &Home), second: impl Fn(Platform<'_>, &Home)) {
    for call in 1..60 {
        let (tenant, home) = store();
        make(tenant.platform(), "vs_other");
        let platform = tenant.platform();
        file(platform, "file-a");
        let calls = Cell::new(0);
        let slow = Hooked::new(&tenant.objects).before(|_| {
            calls.set(calls.get() + 1);
            if calls.get() == call {
                second(platform, &home);
            }
            Ok(())
        });
        first(tenant.through(&slow), &home);
        if calls.get() < call {
            return;
        }
        let newest = check(platform, STORE).unwrap();
        assert_eq!(newest.totals.files, 0, "{call}");
        finish_file_deletions(platform, 10).unwrap();
        nothing_is_left(&tenant);
    }
}

#[test]
fn a_file_that_is_attached_while_it_is_deleted_is_gone() {
    let attach = |platform: Platform<'_>, home: &Home| drop(attach_and_work(platform, home));
    is_gone_whenever(attach, |platform, _| {
        delete_file(platform, "file-a").unwrap()
    });
}

#[test]
fn a_file_that_is_deleted_while_it_is_attached_is_gone() {
    let attach = |platform: Platform<'_>, home: &Home| drop(attach_and_work(platform, home));
    is_gone_whenever(
        |platform, _| delete_file(platform, "file-a").unwrap(),
        attach,
    );
}
