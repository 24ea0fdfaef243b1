use dayfly_core::objects::ObjectError;
use futures::executor::block_on;

use super::storage::{Fate, Storage};
use super::{MIB, client};
use crate::s3::Client;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7 % 251) as u8).collect()
}

/// Writes in pieces that fit no part.
fn write(storage: &Storage, client: &Client<&Storage>, data: &[u8]) -> Result<u64, ObjectError> {
    let mut upload = client.of("t").create("big")?;
    for piece in data.chunks(3 * MIB + 1) {
        if let Err(error) = block_on(upload.write(client, piece)) {
            block_on(upload.abort(client));
            return Err(error);
        }
        assert!(!storage.objects.borrow().contains_key("p/t/big"));
    }
    block_on(upload.finish(client))
}

fn holds(storage: &Storage, data: &[u8]) -> bool {
    storage.objects.borrow()["p/t/big"].data == data
}

#[test]
fn a_written_object_appears_whole_and_only_when_finished() {
    for length in [0, 1, MIB, 8 * MIB, 8 * MIB + 1, 16 * MIB, 20 * MIB + 3] {
        let storage = Storage::default();
        let client = client(&storage);
        let data = bytes(length);
        assert_eq!(write(&storage, &client, &data), Ok(length as u64));
        assert!(holds(&storage, &data), "{length}");
        assert!(storage.uploads.borrow().is_empty());
    }
}

#[test]
fn an_upload_survives_lost_answers() {
    let storage = Storage::default();
    let client = client(&storage);
    let data = bytes(20 * MIB);
    // Its beginning, two parts, the last part and its completion: every first answer is lost.
    let calls = [Fate::LostAfter, Fate::Passes];
    storage.next(
        &[
            calls.clone(),
            calls.clone(),
            calls.clone(),
            calls.clone(),
            calls,
        ]
        .concat(),
    );
    assert_eq!(write(&storage, &client, &data), Ok(data.len() as u64));
    assert!(holds(&storage, &data));
}

#[test]
fn a_completion_that_fails_late_is_tried_again() {
    let storage = Storage::default();
    let client = client(&storage);
    let data = bytes(9 * MIB);
    let pass = Fate::Passes;
    storage.next(&[pass.clone(), pass.clone(), pass]);
    storage.next(&[Fate::Answered(200, "InternalError")]);
    assert_eq!(write(&storage, &client, &data), Ok(data.len() as u64));
    assert!(holds(&storage, &data));
}

#[test]
fn an_upload_that_fails_leaves_nothing() {
    let storage = Storage::default();
    let client = client(&storage);
    let pass = Fate::Passes;
    let failing_part = [
        pass.clone(),
        pass.clone(),
        Fate::Answered(403, "AccessDenied"),
    ];
    storage.next(&failing_part);
    assert!(write(&storage, &client, &bytes(20 * MIB)).is_err());
    assert!(storage.uploads.borrow().is_empty());
    let failing_end = [pass.clone(), pass.clone(), pass.clone(), pass];
    storage.next(&failing_end);
    storage.next(&[Fate::Answered(200, "InvalidPart")]);
    assert!(write(&storage, &client, &bytes(20 * MIB)).is_err());
    assert!(storage.uploads.borrow().is_empty());
    assert!(storage.objects.borrow().is_empty());
}
