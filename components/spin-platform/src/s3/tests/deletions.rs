use dayfly_core::objects::{ObjectError, Obstacle};
use futures::executor::block_on;

use super::client;
use super::storage::{Fate, Storage};
use crate::s3::Client;

fn filled(client: &Client<&Storage>, count: usize) -> Vec<String> {
    let keys: Vec<String> = (0..count).map(|number| format!("m/{number}")).collect();
    for key in &keys {
        block_on(client.of("t").put(key, b"x")).unwrap();
    }
    keys
}

#[test]
fn deleting_is_repeatable() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    let keys = filled(&client, 3);
    for _ in 0..2 {
        assert_eq!(block_on(tenant.delete("m/0")), Ok(()));
        assert_eq!(block_on(tenant.delete_many(&keys)), Ok(()));
    }
    assert!(storage.objects.borrow().is_empty());
}

#[test]
fn many_go_in_a_request_for_each_thousand() {
    let storage = Storage::default();
    let client = client(&storage);
    let keys = filled(&client, 2_100);
    block_on(client.of("t2").put("m/0", b"x")).unwrap();
    let before = storage.sent.get();
    assert_eq!(block_on(client.of("t").delete_many(&keys)), Ok(()));
    assert_eq!(storage.sent.get(), before + 3);
    assert_eq!(block_on(client.of("t").delete_many(&[])), Ok(()));
    assert_eq!(storage.sent.get(), before + 3, "none need no request");
    let left: Vec<String> = storage.objects.borrow().keys().cloned().collect();
    assert_eq!(left, ["p/t2/m/0"]);
    let bad = block_on(client.of("t").delete_many(&["../t2/m/0".to_owned()]));
    assert!(matches!(bad, Err(ObjectError::InvalidKey(_))));
}

#[test]
fn what_passes_is_tried_again_and_what_failed_of_many_is_told() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    let mut keys = filled(&client, 3);
    for fate in [
        Fate::LostBefore,
        Fate::LostAfter,
        Fate::Answered(503, "SlowDown"),
        Fate::Answered(200, "InternalError"),
    ] {
        storage.next(&[fate]);
        assert_eq!(block_on(tenant.delete_many(&keys)), Ok(()));
    }
    block_on(tenant.put("locked", b"x")).unwrap();
    keys.push("locked".to_owned());
    let refused = block_on(tenant.delete_many(&keys)).unwrap_err();
    assert!(matches!(
        refused,
        ObjectError::Unusable {
            obstacle: Obstacle::Refused,
            ..
        }
    ));
}

#[test]
fn a_storage_that_knows_no_deletion_of_many_is_asked_once() {
    for (status, code) in [
        (501, "NotImplemented"),
        (405, "MethodNotAllowed"),
        (400, "NotImplemented"),
    ] {
        let storage = Storage::default();
        let client = client(&storage);
        let tenant = client.of("t");
        let keys = filled(&client, 40);
        let before = storage.sent.get();
        storage.next(&[Fate::Answered(status, code)]);
        assert_eq!(block_on(tenant.delete_many(&keys)), Ok(()));
        assert_eq!(storage.sent.get(), before + 41);
        assert_eq!(block_on(tenant.delete_many(&keys)), Ok(()));
        assert_eq!(storage.sent.get(), before + 81);
        assert!(storage.objects.borrow().is_empty());
    }
}
