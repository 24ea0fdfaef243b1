use super::*;
use crate::objects::ObjectError;
use crate::testing::{Hooked, entry, write_segment};

/// Everything of an upload but its commit.
fn prepared(
    platform: Platform<'_>,
    home: &Home,
) -> (FileMeta, store::FileEntry, crate::segment::SegmentMeta) {
    let meta = file(platform, "file-a");
    files::note_store(platform.objects, "file-a", &home.store).unwrap();
    let id = format!("{}0", pending::segment_prefix("file-a"));
    let segment = write_segment(platform, home, &id, "file-a", 0, &one("a"));
    let entry = entry("file-a", "file-a", std::slice::from_ref(&segment));
    (meta, entry, segment)
}

fn nothing_is_left(tenant: &Tenant) {
    let newest = check(tenant.platform(), STORE).unwrap();
    assert_eq!(newest.totals.files, 0);
    let strange = store::unreachable(tenant.platform(), &newest, &Default::default()).unwrap();
    assert_eq!(strange, []);
}

#[test]
fn an_upload_is_there_when_it_is_committed() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let (_, entry, segment) = prepared(platform, &home);
    let committed = commit_upload(platform, &home, &entry, &[segment]).unwrap();
    assert_eq!(committed, newest(&tenant));
    let listed = look(platform, &home, "file-a").unwrap();
    assert_eq!(listed, Some(Listed::Completed(entry)));
}

#[test]
fn one_that_is_taken_back_leaves_nothing_and_cannot_be_committed_late() {
    for keep_file in [false, true] {
        let (tenant, home) = store();
        let platform = tenant.platform();
        let (meta, entry, segment) = prepared(platform, &home);
        assert_eq!(
            take_back(platform, &home, &meta, "file-a", keep_file).unwrap(),
            None
        );
        nothing_is_left(&tenant);
        assert_eq!(files::read(platform.objects, "file-a").is_ok(), keep_file);
        let late = commit_upload(platform, &home, &entry, &[segment]);
        assert_eq!(late, Err(PendingError::Cancelled));
    }
}

#[test]
fn one_that_was_committed_although_its_writer_was_told_otherwise_stays() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let (meta, entry, segment) = prepared(platform, &home);
    // The answer is lost, and so is every further one.
    let is_lost = std::cell::Cell::new(false);
    let gone = || ObjectError::Unavailable("the network is down".to_owned());
    let failing = Hooked::new(&tenant.objects)
        .before(|_| match is_lost.get() {
            true => Err(gone()),
            false => Ok(()),
        })
        .after(|call| match call.is_commit() {
            true => {
                is_lost.set(true);
                Err(gone())
            }
            false => Ok(()),
        });
    commit_upload(tenant.through(&failing), &home, &entry, &[segment]).unwrap_err();
    let kept = take_back(platform, &home, &meta, "file-a", false).unwrap();
    assert_eq!(kept.unwrap().totals.files, 1);
    assert!(files::read(platform.objects, "file-a").is_ok());
    check(platform, STORE);
    assert!(look(platform, &home, "file-a").unwrap().is_some());
}

#[test]
fn an_upload_whose_file_is_deleted_meanwhile_is_not_committed() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    let (meta, entry, segment) = prepared(platform, &home);
    let slow = Hooked::interrupted(&tenant.objects, crate::testing::Op::PutNew, || {
        delete_file(platform, "file-a").unwrap();
    });
    let late = commit_upload(tenant.through(&slow), &home, &entry, &[segment]);
    assert_eq!(late, Err(PendingError::Cancelled));
    assert_eq!(
        take_back(platform, &home, &meta, "file-a", false).unwrap(),
        None
    );
    nothing_is_left(&tenant);
}

#[test]
fn a_request_that_is_repeated_with_its_key_means_the_same_file() {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let first = idempotent_file_id(platform, "upload", "key").unwrap();
    assert_eq!(
        idempotent_file_id(platform, "upload", "key").unwrap(),
        first
    );
    assert_ne!(
        idempotent_file_id(platform, "upload", "kez").unwrap(),
        first
    );
    assert_ne!(idempotent_file_id(platform, "files", "key").unwrap(), first);
    let denying = Hooked::denying(&tenant.objects, ObjectError::AlreadyExists);
    let told = idempotent_file_id(tenant.through(&denying), "upload", "new").unwrap();
    assert_eq!(idempotent_file_id(platform, "upload", "new").unwrap(), told);
}
