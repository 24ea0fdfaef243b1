use super::*;
use crate::ops::expire_files;
use crate::testing::Hooked;

const DAY_MS: u64 = 86_400_000;

/// A file of a store that is to go at that time.
fn expiring(platform: Platform<'_>, home: &Home, id: &str, expires_at: u64) {
    let meta = FileMeta {
        expires_at: Some(expires_at),
        ..file(platform, id)
    };
    files::write(platform.objects, &meta).unwrap();
    let attached = attach(
        platform,
        home,
        &meta,
        Default::default(),
        ChunkingStrategy::Auto,
    );
    complete(platform, home, &attached.unwrap().pending);
}

fn now_s(tenant: &Tenant) -> u64 {
    tenant.platform().now_ms() / 1_000
}

#[test]
fn a_file_is_gone_when_its_time_is_over_and_then_from_its_stores() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let soon = now_s(&tenant) + 3_600;
    expiring(platform, &home, "file-soon", soon);
    expiring(platform, &home, "file-later", soon + 3_600);
    expire_files(platform, 10).unwrap();
    assert!(files::current(platform, "file-soon").is_ok());
    tenant.clock.advance(3_600_000);
    assert!(files::current(platform, "file-soon").is_err());
    expire_files(platform, 10).unwrap();
    assert_eq!(look(platform, &home, "file-soon").unwrap(), None);
    assert!(keys(&tenant.objects, "files/file-soon/").is_empty());
    assert!(look(platform, &home, "file-later").unwrap().is_some());
    tenant.clock.advance(DAY_MS);
    expire_files(platform, 10).unwrap();
    assert_eq!(look(platform, &home, "file-later").unwrap(), None);
    tenant.clock.advance(DAY_MS);
    expire_files(platform, 10).unwrap();
    assert!(keys(&tenant.objects, "work/expire-file/").is_empty());
}

#[test]
fn a_file_that_was_deleted_or_never_came_keeps_nothing_that_is_due() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let soon = now_s(&tenant) + 3_600;
    expiring(platform, &home, "file-a", soon);
    delete_file(platform, "file-a").unwrap();
    tenant.clock.advance(3_600_000);
    expire_files(platform, 10).unwrap();
    tenant.clock.advance(DAY_MS);
    expire_files(platform, 10).unwrap();
    assert!(keys(&tenant.objects, "work/expire-file/").is_empty());
}

#[test]
fn a_file_that_comes_after_its_time_goes_all_the_same() {
    let (tenant, _) = store();
    let platform = tenant.platform();
    let soon = now_s(&tenant) + 3_600;
    let meta = FileMeta {
        expires_at: Some(soon),
        ..file(platform, "file-late")
    };
    files::delete(&tenant.objects, "file-late").unwrap();
    // Who writes it has noted when it is to go, and stands still.
    let paused = Hooked::new(&tenant.objects).before(|call| {
        if call.key.ends_with("meta.json") {
            tenant.clock.advance(3_600_000);
            expire_files(platform, 10).unwrap();
        }
        Ok(())
    });
    files::write(&paused, &meta).unwrap();
    assert!(files::current(platform, "file-late").is_err());
    tenant.clock.advance(DAY_MS);
    expire_files(platform, 10).unwrap();
    assert!(keys(&tenant.objects, "files/file-late/").is_empty());
}

#[test]
fn an_expiry_may_stop_anywhere_and_is_gone_on_with() {
    for after_effect in [false, true] {
        for calls in 1.. {
            assert!(calls < 200, "it never ends");
            let (tenant, home) = store();
            let soon = now_s(&tenant) + 3_600;
            expiring(tenant.platform(), &home, "file-a", soon);
            tenant.clock.advance(3_600_000);
            let crashing = crate::testing::Hooked::crashing(&tenant.objects, calls, after_effect);
            let is_over = expire_files(tenant.through(&crashing), 10).is_ok();
            expire_files(tenant.platform(), 10).unwrap();
            finish_file_deletions(tenant.platform(), 10).unwrap();
            assert_eq!(look(tenant.platform(), &home, "file-a").unwrap(), None);
            assert!(keys(&tenant.objects, "files/file-a/").is_empty());
            tenant.clock.advance(DAY_MS);
            expire_files(tenant.platform(), 10).unwrap();
            assert!(keys(&tenant.objects, "work/expire-file/").is_empty());
            if is_over {
                break;
            }
        }
    }
}
