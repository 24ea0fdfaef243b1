use dayfly_core::objects::ObjectError;
use futures::executor::block_on;

use super::storage::{Object, Storage, error};
use super::{MIB, client};
use crate::s3::Bytes;

fn range(offset: u64, length: u64) -> Option<Bytes> {
    Some(Bytes { offset, length })
}

#[test]
fn keys_lie_below_the_prefix_and_the_tenant_and_cannot_leave_it() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    block_on(tenant.put("a/b", b"x")).unwrap();
    assert!(storage.objects.borrow().contains_key("p/t/a/b"));
    let sent = storage.sent.get();
    let invalid = |error: ObjectError| matches!(error, ObjectError::InvalidKey(_));
    for key in ["../t2/a", "", "/a", "a//b", "a b", "a%2fb"] {
        assert!(block_on(tenant.get(key, None)).is_err_and(invalid), "{key}");
        assert!(block_on(tenant.put(key, b"")).is_err_and(invalid), "{key}");
        assert!(
            block_on(tenant.put_new(key, b"")).is_err_and(invalid),
            "{key}"
        );
        assert!(block_on(tenant.delete(key)).is_err_and(invalid), "{key}");
        assert!(block_on(tenant.head(key)).is_err_and(invalid), "{key}");
        assert!(tenant.create(key).is_err_and(invalid), "{key}");
    }
    assert!(block_on(tenant.list("../", None, 9)).is_err_and(invalid));
    assert!(block_on(tenant.list("", Some("../t2"), 9)).is_err_and(invalid));
    assert!(block_on(tenant.folders("../")).is_err_and(invalid));
    assert_eq!(storage.sent.get(), sent, "a bad key reaches nobody");
    let other = client.of("t2");
    assert_eq!(block_on(other.get("a/b", None)), Err(ObjectError::NotFound));
}

#[test]
fn ranges_give_what_there_is() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    block_on(tenant.put("a", b"0123456789")).unwrap();
    for (wanted, expected) in [
        (None, "0123456789"),
        (range(2, 3), "234"),
        (range(8, 100), "89"),
        (range(10, 1), ""),
        (range(0, 0), ""),
        (range(5, u64::MAX), "56789"),
    ] {
        let bytes = block_on(tenant.get("a", wanted)).unwrap();
        assert_eq!(bytes, expected.as_bytes(), "{wanted:?}");
    }
    for wanted in [None, range(0, 0), range(3, 1)] {
        assert_eq!(
            block_on(tenant.get("b", wanted)),
            Err(ObjectError::NotFound)
        );
    }
}

#[test]
fn many_are_answered_in_order_and_bounded_together() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    block_on(tenant.put("a", b"0123")).unwrap();
    let big = Object {
        data: vec![0; 40 * MIB],
        writer: None,
    };
    storage
        .objects
        .borrow_mut()
        .insert("p/t/big".to_owned(), big);
    let parts = [
        ("a", range(1, 2)),
        ("none", None),
        ("big", None),
        ("big", None),
        ("a", None),
    ];
    let parts = parts.map(|(key, range)| (key.to_owned(), range));
    let answers = block_on(tenant.get_many(parts.into()));
    assert_eq!(answers[0], Ok(b"12".to_vec()));
    assert_eq!(answers[1], Err(ObjectError::NotFound));
    assert_eq!(answers[2].as_ref().map(Vec::len), Ok(40 * MIB));
    assert!(matches!(answers[3], Err(ObjectError::TooLarge(_))));
    assert_eq!(answers[4], Ok(b"0123".to_vec()));
}

#[test]
fn an_object_may_read_like_an_error() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    let text = error(500, "InternalError").body;
    block_on(tenant.put("a", &text)).unwrap();
    assert_eq!(block_on(tenant.get("a", None)), Ok(text));
    assert_eq!(storage.sent.get(), 2);
}

#[test]
fn listings_are_bounded_resume_and_follow_pages() {
    let storage = Storage::default();
    let client = client(&storage);
    let tenant = client.of("t");
    for number in 0..25 {
        block_on(tenant.put(&format!("m/{number:03}"), b"x")).unwrap();
    }
    block_on(tenant.put("m2/000", b"xy")).unwrap();
    block_on(client.of("t2").put("other", b"")).unwrap();
    for page in [0, 1, 2, 7] {
        storage.page.set(page);
        let names = |prefix: &str, after: Option<&str>, limit| -> Vec<String> {
            let found = block_on(tenant.list(prefix, after, limit)).unwrap();
            found.into_iter().map(|meta| meta.key).collect()
        };
        assert_eq!(names("m/", None, 2), ["m/000", "m/001"]);
        assert_eq!(names("m/", Some("m/022"), 9), ["m/023", "m/024"]);
        assert_eq!(names("m/01", None, 2), ["m/010", "m/011"]);
        assert_eq!(names("", None, 100).len(), 26);
        assert_eq!(names("m/", Some("m/zzz"), 9).len(), 0);
        assert_eq!(names("m/", None, 0).len(), 0);
        assert_eq!(block_on(tenant.folders("")).unwrap(), ["m", "m2"]);
        assert_eq!(block_on(tenant.folders("m/")).unwrap().len(), 0);
        assert!(block_on(tenant.folders("m")).is_err());
    }
    let meta = block_on(tenant.list("m2/", None, 1)).unwrap().remove(0);
    assert_eq!((meta.size, meta.modified_ms), (2, 1_698_832_800_000));
    assert_eq!(block_on(tenant.head("m2/000")), Ok(meta));
}
