use super::*;
use crate::objects::Objects;
use crate::segment::{BasePlace, SegmentError, open, verify, write_list};

/// Two segments of a base, and where their list is.
fn base(objects: &MemoryObjects) -> ([SegmentMeta; 2], String) {
    let mut metas = [0, 1].map(|number| {
        let place = BasePlace {
            id: "b".to_owned(),
            number,
            first_row: u64::from(number) * 90,
            list: None,
        };
        let spec = SegmentSpec {
            base: Some(place),
            ..spec(&format!("rows-b-{number:05}"), 4)
        };
        let vectors = clustered(number.into(), 90, 4);
        write(objects, spec, &[("a", 90)], &vectors)
    });
    write_list(objects, &home(), "b", &mut metas).unwrap();
    (metas, home().base_list("b"))
}

fn use_all(objects: &MemoryObjects, metas: &[SegmentMeta]) -> Vec<Result<(), SegmentError>> {
    let all: Vec<&SegmentMeta> = metas.iter().collect();
    let opened = open(objects, &home(), &all).map(drop);
    let verified = metas.iter().map(|meta| verify(objects, &home(), meta));
    [opened].into_iter().chain(verified).collect()
}

#[test]
fn a_list_holds_the_checksums_of_its_segments() {
    let objects = MemoryObjects::default();
    let (metas, _) = base(&objects);
    assert!(metas.iter().all(|meta| meta.sha256.is_empty()));
    assert_eq!(use_all(&objects, &metas), vec![Ok(()); 3]);
    let key = metas[1].rows_key(&home());
    let mut rows = objects.get(&key).unwrap();
    let last = rows.len() - 1;
    rows[last] ^= 1;
    objects.put(&key, &rows).unwrap();
    let found = use_all(&objects, &metas);
    let is_named = |found: &Result<(), SegmentError>| match found {
        Err(SegmentError::Corrupt { key: named, .. }) => *named == key,
        _ => false,
    };
    assert!(is_named(&found[0]) && is_named(&found[2]), "{found:?}");
    assert_eq!(found[1], Ok(()));
}

#[test]
fn a_list_that_is_not_as_it_was_written_is_named() {
    let objects = MemoryObjects::default();
    let (mut metas, list) = base(&objects);
    let whole = objects.get(&list).unwrap();
    let is_named = |metas: &[SegmentMeta]| {
        let found = use_all(&objects, metas);
        let is_corrupt = |one: &Result<(), SegmentError>| matches!(one, Err(SegmentError::Corrupt { key, .. }) if *key == list);
        found.iter().all(is_corrupt)
    };
    for at in 0..whole.len() {
        let mut turned = whole.clone();
        turned[at] ^= 1;
        objects.put(&list, &turned).unwrap();
        assert!(is_named(&metas), "{at}");
    }
    objects.put(&list, &whole[1..]).unwrap();
    assert!(is_named(&metas));
    objects.put(&list, &whole).unwrap();
    // Of other segments than those that name it.
    for meta in &mut metas {
        meta.rows += 1;
    }
    assert!(is_named(&metas));
}
