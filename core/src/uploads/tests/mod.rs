mod failing;

use failing::Failing;
use md5::Digest;
use proptest::prelude::*;

use super::*;
use crate::api::{ApiError, Code};
use crate::objects::MemoryObjects;
use crate::ops;
use crate::testing::{Hooked, Op, Tenant};

const NOW_S: u64 = 1_700_000_000;
const AFTER_GRACE_S: u64 = NOW_S + 2 * LIFE_S;

fn begin(objects: &MemoryObjects, number: u64, bytes: u64) -> Upload {
    let upload = Upload {
        id: ids::time_ordered(ids::UPLOAD_PREFIX, NOW_S * 1_000, number),
        file_id: ids::time_ordered(ids::FILE_PREFIX, NOW_S * 1_000, number),
        bytes,
        created_at: NOW_S,
        filename: "a.txt".to_owned(),
        purpose: "assistants".to_owned(),
        content_type: "text/plain".to_owned(),
        file_expires_after: None,
    };
    create(objects, &upload).unwrap();
    upload
}

fn send(objects: &MemoryObjects, upload: &Upload, number: u64, bytes: &[u8]) -> String {
    let part = ids::time_ordered(ids::PART_PREFIX, NOW_S * 1_000, number);
    objects.put(&upload.part_key(&part), bytes).unwrap();
    add(objects, upload, &part).unwrap();
    part
}

fn of(parts: &[&String]) -> Completion {
    Completion {
        part_ids: parts.iter().map(|part| (*part).clone()).collect(),
        md5: None,
    }
}

/// What the caller is told.
fn told<T: std::fmt::Debug>(refused: Result<T, impl Into<ApiError> + std::fmt::Debug>) -> ApiError {
    refused.unwrap_err().into()
}

fn keys(objects: &MemoryObjects) -> Vec<String> {
    let all = objects.list_all("").unwrap();
    all.into_iter().map(|meta| meta.key).collect()
}

fn whole(objects: &MemoryObjects, file: &FileMeta) -> Vec<u8> {
    files::content(objects, file, 0..file.bytes).unwrap()
}

#[test]
fn the_order_is_that_of_completion_and_unused_parts_are_removed() {
    let objects = MemoryObjects::default();
    let upload = begin(&objects, 1, 10);
    let last = send(&objects, &upload, 1, b"world");
    send(&objects, &upload, 2, b"unused");
    let first = send(&objects, &upload, 3, b"hello");
    let (_, file) = complete(&objects, &upload.id, &of(&[&first, &last]), NOW_S).unwrap();
    assert_eq!(files::read(&objects, &upload.file_id).unwrap(), file);
    assert_eq!(whole(&objects, &file), b"helloworld");
    assert_eq!(parts(&objects, &file.id).unwrap().len(), 2);
}

#[test]
fn a_repeated_completion_gives_the_same_answer_and_no_other_one_does() {
    let objects = MemoryObjects::default();
    let upload = begin(&objects, 1, 4);
    let (a, b) = (
        send(&objects, &upload, 1, b"aa"),
        send(&objects, &upload, 2, b"bb"),
    );
    let first = complete(&objects, &upload.id, &of(&[&a, &b]), NOW_S).unwrap();
    let late = upload.expires_at() + 1;
    assert_eq!(
        complete(&objects, &upload.id, &of(&[&a, &b]), late),
        Ok(first)
    );
    let other = told(complete(&objects, &upload.id, &of(&[&b, &a]), NOW_S));
    assert_eq!(other.code.map(Code::name), Some("upload_ended"));
    let mut checked = of(&[&a, &b]);
    checked.md5 = Some("0".repeat(32));
    let unchecked = told(complete(&objects, &upload.id, &checked, NOW_S));
    assert_eq!(unchecked.param.as_deref(), Some("md5"));
    assert_eq!(told(cancel(&objects, &upload.id)).status, 400);
    assert_eq!(told(open(&objects, &upload.id, NOW_S)).status, 400);
}

#[test]
fn a_completion_that_was_decided_and_went_no_further_is_finished_by_the_next() {
    let objects = MemoryObjects::default();
    let upload = begin(&objects, 1, 2);
    let part = send(&objects, &upload, 1, b"aa");
    let (_, file) = complete(&objects, &upload.id, &of(&[&part]), NOW_S).unwrap();
    objects
        .delete(&format!("files/{}/meta.json", file.id))
        .unwrap();
    assert!(files::read(&objects, &file.id).is_err());
    complete(&objects, &upload.id, &of(&[&part]), NOW_S).unwrap();
    assert_eq!(files::read(&objects, &file.id), Ok(file));
}

#[test]
fn a_deleted_file_does_not_come_back_when_its_upload_is_completed_again() {
    for is_finished in [false, true] {
        let tenant = Tenant::default();
        let objects = &tenant.objects;
        let upload = begin(objects, 1, 2);
        let part = send(objects, &upload, 1, b"aa");
        complete(objects, &upload.id, &of(&[&part]), NOW_S).unwrap();
        // What the file consists of is removed later than it is gone.
        ops::delete_file(tenant.platform(), &upload.file_id).unwrap();
        if is_finished {
            ops::finish_file_deletion(tenant.platform(), &upload.file_id).unwrap();
        }
        let again = complete(objects, &upload.id, &of(&[&part]), NOW_S);
        assert_eq!(told(again).status, 404);
        assert_eq!(told(files::read(objects, &upload.file_id)).status, 404);
    }
}

#[test]
fn a_deletion_that_comes_while_a_file_is_described_is_not_undone() {
    let tenant = Tenant::default();
    let upload = begin(&tenant.objects, 1, 2);
    let part = send(&tenant.objects, &upload, 1, b"aa");
    // Another completion was quicker, and its file deleted at once.
    let deleted = Hooked::new(&tenant.objects).before(|call| {
        if call.op == Op::Put && call.key == files::meta_key(&upload.file_id) {
            ops::delete_file(tenant.platform(), &upload.file_id).unwrap();
        }
        Ok(())
    });
    let late = complete(&deleted, &upload.id, &of(&[&part]), NOW_S);
    assert_eq!(told(late).status, 404);
    assert_eq!(
        told(files::read(&tenant.objects, &upload.file_id)).status,
        404
    );
}

#[test]
fn parts_that_do_not_make_the_file_announced_leave_the_upload_open() {
    let objects = MemoryObjects::default();
    let upload = begin(&objects, 1, 4);
    let (a, b) = (
        send(&objects, &upload, 1, b"aa"),
        send(&objects, &upload, 2, b"bb"),
    );
    let unknown = "part_elsewhere".to_owned();
    for (asked, says) in [
        (of(&[&a]), "hold 2 bytes"),
        (of(&[&a, &a]), "twice"),
        (of(&[&a, &unknown]), "no part of the upload"),
    ] {
        let error = told(complete(&objects, &upload.id, &asked, NOW_S));
        assert_eq!(
            (error.status, error.param.as_deref()),
            (400, Some("part_ids"))
        );
        assert!(error.message.contains(says), "{error}");
    }
    complete(&objects, &upload.id, &of(&[&a, &b]), NOW_S).unwrap();
}

#[test]
fn a_checksum_is_compared_over_all_parts() {
    let objects = MemoryObjects::default();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let upload = begin(&objects, 1, bytes.len() as u64);
    let (head, tail) = bytes.split_at(1_300_001);
    let (a, b) = (
        send(&objects, &upload, 1, head),
        send(&objects, &upload, 2, tail),
    );
    let digest = md5::Md5::digest(&bytes);
    let md5: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    let mut asked = of(&[&b, &a]);
    asked.md5 = Some(md5);
    let swapped = told(complete(&objects, &upload.id, &asked, NOW_S));
    assert_eq!(swapped.code.map(Code::name), Some("checksum_mismatch"));
    asked.part_ids.reverse();
    let first = complete(&objects, &upload.id, &asked, NOW_S).unwrap();
    assert_eq!(complete(&objects, &upload.id, &asked, NOW_S), Ok(first));
}

#[test]
fn of_completions_and_cancellations_at_once_one_decides() {
    for round in 0..50 {
        let objects = MemoryObjects::default();
        let upload = begin(&objects, round, 4);
        let (a, b) = (
            send(&objects, &upload, 1, b"aa"),
            send(&objects, &upload, 2, b"bb"),
        );
        let outcomes = std::thread::scope(|scope| {
            let completions = [of(&[&a, &b]), of(&[&b, &a]), of(&[&a, &b])].map(|asked| {
                let (objects, id) = (objects.clone(), upload.id.clone());
                scope.spawn(move || complete(&objects, &id, &asked, NOW_S).map(|(_, file)| file))
            });
            let (objects, id) = (objects.clone(), upload.id.clone());
            let cancelled = scope.spawn(move || cancel(&objects, &id)).join().unwrap();
            let files = completions.map(|thread| thread.join().unwrap());
            (files, cancelled)
        });
        let (completed, cancelled) = outcomes;
        let files: Vec<&FileMeta> = completed.iter().flatten().collect();
        assert_ne!(files.is_empty(), cancelled.is_err());
        match files.first() {
            None => assert!(!keys(&objects).iter().any(|key| key.starts_with("files/"))),
            Some(first) => {
                assert!(files.iter().all(|file| file == first));
                assert_eq!(whole(&objects, first).len(), 4);
            }
        }
    }
}

#[test]
fn a_cancelled_upload_keeps_nothing_and_takes_nothing() {
    let objects = MemoryObjects::default();
    let upload = begin(&objects, 1, 4);
    let part = send(&objects, &upload, 1, b"aaaa");
    cancel(&objects, &upload.id).unwrap();
    cancel(&objects, &upload.id).unwrap();
    assert!(complete(&objects, &upload.id, &of(&[&part]), NOW_S).is_err());
    // A part that was under way meanwhile.
    objects.put(&upload.part_key("part_late"), b"late").unwrap();
    assert!(add(&objects, &upload, "part_late").is_err());
    assert!(!keys(&objects).iter().any(|key| key.starts_with("files/")));
}

#[test]
fn an_upload_is_over_after_an_hour() {
    let objects = MemoryObjects::default();
    let upload = begin(&objects, 1, 2);
    let part = send(&objects, &upload, 1, b"aa");
    let end = upload.expires_at();
    assert!(open(&objects, &upload.id, end - 1).is_ok());
    let refused = [
        open(&objects, &upload.id, end).map(drop),
        complete(&objects, &upload.id, &of(&[&part]), end).map(drop),
    ];
    for error in refused.map(told) {
        assert_eq!(
            (error.status, error.code.map(Code::name)),
            (400, Some("expired"))
        );
    }
}

#[test]
fn what_no_description_could_list_is_not_taken() {
    let objects = MemoryObjects::default();
    let upload = begin(&objects, 1, 2_000);
    for number in 0..MOST_PARTS as u64 {
        assert!(open(&objects, &upload.id, NOW_S).is_ok());
        send(&objects, &upload, number, b"a");
    }
    let error = told(open(&objects, &upload.id, NOW_S));
    assert_eq!(error.code.map(Code::name), Some("too_many_parts"));
}

#[test]
fn expired_uploads_are_collected_and_their_files_stay() {
    let objects = MemoryObjects::default();
    let finished = begin(&objects, 1, 2);
    let part = send(&objects, &finished, 1, b"aa");
    let (_, file) = complete(&objects, &finished.id, &of(&[&part]), NOW_S).unwrap();
    let stray = finished.part_key("part_stray");
    objects
        .put(&stray, b"written by an instance that was killed")
        .unwrap();
    let abandoned = begin(&objects, 2, 2);
    send(&objects, &abandoned, 2, b"bb");
    let cancelled = begin(&objects, 3, 2);
    cancel(&objects, &cancelled.id).unwrap();

    let before = keys(&objects);
    collect(&objects, AFTER_GRACE_S - 1).unwrap();
    assert_eq!(keys(&objects), before);
    collect(&objects, AFTER_GRACE_S).unwrap();
    assert_eq!(whole(&objects, &file), b"aa");
    let left = keys(&objects);
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(
        left.iter()
            .all(|key| key.starts_with(&format!("files/{}/", file.id)))
    );
}

#[test]
fn collecting_goes_on_where_it_was_stopped_and_does_little_at_once() {
    let objects = MemoryObjects::default();
    for number in 0..20 {
        let upload = begin(&objects, number, 2);
        send(&objects, &upload, number, b"bb");
    }
    // One was decided, and one also removed, when the collector was killed.
    let ids: Vec<String> = objects.folders(FOLDER).unwrap();
    decide(&objects, &ids[0], End::Expired).unwrap();
    decide(&objects, &ids[1], End::Expired).unwrap();
    let (second, _) = read(&objects, &ids[1]).unwrap();
    remove_parts(&objects, &second.file_id, &[]).unwrap();
    objects.delete(&record_key(&ids[1])).unwrap();
    let mut left = Vec::new();
    for _ in 0..3 {
        collect(&objects, AFTER_GRACE_S).unwrap();
        left.push(objects.folders(FOLDER).unwrap().len());
    }
    assert_eq!(left, [12, 4, 0]);
    assert_eq!(keys(&objects), Vec::<String>::new());
}

#[test]
fn nothing_that_could_leave_its_folder_is_an_upload() {
    let objects = MemoryObjects::default();
    for id in ["upload_../x", "upload_", "file-1", "", "upload_1/end"] {
        assert_eq!(told(cancel(&objects, id)).status, 404);
    }
}

#[test]
fn a_completion_cut_off_anywhere_is_finished_by_the_next_and_collected_whole() {
    for calls in 0.. {
        let objects = MemoryObjects::default();
        let upload = begin(&objects, 1, 4);
        let (a, b) = (
            send(&objects, &upload, 1, b"aa"),
            send(&objects, &upload, 2, b"bb"),
        );
        send(&objects, &upload, 3, b"unused");
        let failing = Failing::after(&objects, calls);
        let cut = complete(&failing, &upload.id, &of(&[&a, &b]), NOW_S);
        let (_, file) = complete(&objects, &upload.id, &of(&[&a, &b]), NOW_S).unwrap();
        assert_eq!(files::read(&objects, &file.id).as_ref(), Ok(&file));
        assert_eq!(whole(&objects, &file), b"aabb");
        collect(&objects, AFTER_GRACE_S).unwrap();
        assert_eq!(whole(&objects, &file), b"aabb");
        assert_eq!(keys(&objects).len(), 3, "{:?}", keys(&objects));
        if cut.is_ok() && !failing.has_failed() {
            return;
        }
    }
}

#[test]
fn a_collection_cut_off_anywhere_is_finished_by_the_next() {
    for calls in 0.. {
        let objects = MemoryObjects::default();
        let upload = begin(&objects, 1, 4);
        send(&objects, &upload, 1, b"aa");
        send(&objects, &upload, 2, b"bb");
        let failing = Failing::after(&objects, calls);
        let cut = collect(&failing, AFTER_GRACE_S);
        collect(&objects, AFTER_GRACE_S).unwrap();
        assert_eq!(keys(&objects), Vec::<String>::new(), "after {calls} calls");
        if cut.is_ok() {
            return;
        }
    }
}

proptest! {
    #[test]
    fn a_range_of_a_file_in_parts_is_that_of_its_bytes(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..8),
        start in 0_u64..200,
        length in 0_u64..200,
    ) {
        let objects = MemoryObjects::default();
        let bytes: Vec<u8> = pieces.concat();
        let upload = begin(&objects, 1, bytes.len() as u64);
        let sent: Vec<String> = (0..)
            .zip(&pieces)
            .map(|(number, piece)| send(&objects, &upload, number, piece))
            .collect();
        let asked = of(&sent.iter().collect::<Vec<_>>());
        let (_, file) = complete(&objects, &upload.id, &asked, NOW_S).unwrap();
        let found = files::content(&objects, &file, start..start + length).unwrap();
        let from = bytes.len().min(start as usize);
        let to = bytes.len().min((start + length) as usize);
        prop_assert_eq!(&found, &bytes[from..to]);
    }
}
