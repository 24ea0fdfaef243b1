use super::*;
use crate::objects::ObjectError;
use crate::store::{
    RETAINED_VERSIONS, StoreError, TAIL_CHANGES, change, create, delete, manifest_key, manifests,
    take_out,
};
use crate::testing::{Hooked, Op, keys};

#[test]
fn of_many_writers_at_once_none_is_lost() {
    let (tenant, home) = store();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let (tenant, home) = (tenant.elsewhere(writer), home.clone());
            scope.spawn(move || add_many(tenant.platform(), &home, &format!("w{writer}"), 20));
        }
    });
    assert_eq!(files(&tenant).len(), 160);
    assert_eq!(check(tenant.platform(), STORE).unwrap().version, 161);
}

#[test]
fn only_so_many_versions_are_kept() {
    let (tenant, home) = store();
    for number in 0..3 * RETAINED_VERSIONS {
        let name = format!("a{number}");
        let committed = add(
            tenant.platform(),
            &home,
            &format!("file-{name}"),
            &name,
            &one(&name),
        );
        tidy(tenant.platform(), &committed.unwrap()).unwrap();
        let kept = keys(&tenant.objects, &manifests(STORE)).len() as u64;
        assert!(kept <= RETAINED_VERSIONS + 8, "{kept}");
        assert!(kept >= RETAINED_VERSIONS.min(number), "{kept}");
    }
}

#[test]
fn the_tail_becomes_a_run_when_it_is_full() {
    let (tenant, home) = store();
    add_many(tenant.platform(), &home, "a", TAIL_CHANGES - 1);
    let full = newest(&tenant);
    assert_eq!((full.tail.len(), full.runs.len()), (TAIL_CHANGES - 1, 0));
    add_many(tenant.platform(), &home, "b", 1);
    let flushed = check(tenant.platform(), STORE).unwrap();
    assert_eq!((flushed.tail.len(), flushed.runs.len()), (0, 1));
    let run = &flushed.runs[0];
    assert_eq!((run.from, run.to), (1, flushed.version));
    assert_eq!(run.entries, TAIL_CHANGES as u64);
    // Deletions and attributes are changes like any other.
    for number in 0..TAIL_CHANGES {
        take_out(tenant.platform(), &home, &format!("file-a{number:03}")).unwrap();
    }
    let flushed = check(tenant.platform(), STORE).unwrap();
    assert_eq!((flushed.tail.len(), flushed.runs.len()), (0, 2));
    assert_eq!(flushed.runs[0].from, run.to + 1);
    assert_eq!(files(&tenant), ["file-b000"]);
}

#[test]
fn an_ingestion_that_was_about_to_commit_sees_that_its_file_was_taken_out() {
    let (tenant, home) = store();
    let interrupt = || {
        take_out(tenant.platform(), &home, "file-a").unwrap();
    };
    let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, interrupt);
    let mut looked = 0;
    change(tenant.through(&slow), STORE, |newest| {
        looked += 1;
        Ok::<_, StoreError>((looked == 1).then(|| newest.clone().into()))
    })
    .unwrap();
    assert_eq!(
        looked, 2,
        "the version must have changed although the file was not in it"
    );
}

#[test]
fn a_deleted_store_is_not_brought_back_by_a_late_writer() {
    let (tenant, home) = store();
    let interrupt = || drop(delete(tenant.platform(), &newest(&tenant)).unwrap());
    let slow = Hooked::interrupted(&tenant.objects, Op::PutNew, interrupt);
    let late = add_late(tenant.through(&slow), &home);
    assert_eq!(late, Err(StoreError::NoSuchStore(STORE.to_owned())));
    assert_eq!(current(tenant.platform(), STORE).unwrap(), None);
}

#[test]
fn a_name_can_be_taken_again_after_a_deletion_and_starts_empty() {
    let (tenant, home) = store();
    add_many(tenant.platform(), &home, "a", 3);
    let before = newest(&tenant);
    delete(tenant.platform(), &before).unwrap();
    tenant.clock.advance(1);
    let again = create(tenant.platform(), &first(STORE, None)).unwrap();
    assert_eq!(again.version, before.version + 2);
    assert_ne!(again.incarnation, before.incarnation);
    assert_eq!(files(&tenant), Vec::<String>::new());
    let late = add(tenant.platform(), &home, "file-late", "late", &one("late"));
    assert_eq!(late, Err(StoreError::NoSuchStore(STORE.to_owned())));
}

#[test]
fn of_many_who_make_a_store_at_once_all_get_the_same() {
    let tenant = Tenant::default();
    let made: Vec<Manifest> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..8)
            .map(|seed| {
                let tenant = tenant.elsewhere(seed);
                scope.spawn(move || create(tenant.platform(), &first(STORE, None)).unwrap())
            })
            .collect();
        makers.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(made.windows(2).all(|pair| pair[0] == pair[1]));
    let marked = crate::store::all_marked(tenant.platform()).unwrap();
    assert_eq!(marked.len(), 1);
    assert_eq!(marked[0].incarnation, made[0].incarnation);
}

#[test]
fn a_damaged_manifest_is_named_and_not_taken_for_an_empty_store() {
    let (tenant, _) = store();
    let key = manifest_key(STORE, 2);
    for data in [&b"{"[..], b"{\"format\":3}", b"[]", b"\xff"] {
        tenant.objects.put(&key, data).unwrap();
        let error = current(tenant.platform(), STORE).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { key: named, .. } if named == key));
    }
}

#[test]
fn a_manifest_that_says_that_it_is_another_is_damaged() {
    let (tenant, home) = store();
    add_many(tenant.platform(), &home, "a", 1);
    let mut older = newest(&tenant);
    let key = manifest_key(STORE, older.version);
    older.version -= 1;
    let mut elsewhere = newest(&tenant);
    elsewhere.store.id = "vs_other".to_owned();
    for other in [older, elsewhere] {
        let data = serde_json::to_vec(&other).unwrap();
        tenant.objects.put(&key, &data).unwrap();
        let error = current(tenant.platform(), STORE).unwrap_err();
        assert!(matches!(error, StoreError::Damaged { key: named, .. } if named == key));
    }
}

#[test]
fn a_manifest_of_a_newer_format_is_refused_with_what_to_do() {
    let (tenant, _) = store();
    let mut newer = serde_json::to_value(newest(&tenant)).unwrap();
    newer["format"] = 4.into();
    let data = serde_json::to_vec(&newer).unwrap();
    tenant.objects.put(&manifest_key(STORE, 2), &data).unwrap();
    let error = current(tenant.platform(), STORE).unwrap_err();
    assert!(error.to_string().contains("upgrade this server"), "{error}");
}

#[test]
fn a_storage_that_never_creates_ends_a_commit_with_an_error() {
    let (tenant, home) = store();
    let taken = Hooked::new(&tenant.objects).before(|call| match call.is_commit() {
        true => Err(ObjectError::AlreadyExists),
        false => Ok(()),
    });
    let before = tenant.clock.now();
    let ended = add(tenant.through(&taken), &home, "file-a", "a", &one("a"));
    assert_eq!(ended, Err(StoreError::Contended));
    assert!(tenant.clock.now() > before, "it has to pause in between");
}
