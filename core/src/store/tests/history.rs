use super::*;
use crate::objects::MemoryObjects;
use crate::store::{
    FOLD_LENGTH, Indexing, RETAINED_VERSIONS, create, create_or_change, current, delete, fold,
    keys, take_out,
};

const INDEXING: Indexing = Indexing {
    graph_min_rows: u32::MAX,
    segment_max_rows: 1_000,
};

fn store() -> MemoryObjects {
    let objects = MemoryObjects::default();
    create(&objects, &first(), 1_000).unwrap();
    objects
}

fn files(objects: &dyn Objects) -> Vec<String> {
    let manifest = current(objects, STORE).unwrap().unwrap();
    Table::of(objects, &manifest)
        .unwrap()
        .files
        .into_keys()
        .collect()
}

fn add_many(objects: &dyn Objects, prefix: &str, count: usize) {
    for number in 0..count {
        let name = format!("file-{prefix}{number:03}");
        add(
            objects,
            &name,
            &format!("{prefix}{number}"),
            &[[1.0, 0.0, 0.0, 1.0]],
        )
        .unwrap();
    }
}

#[test]
fn of_many_writers_at_once_none_is_lost() {
    let objects = store();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let objects = objects.clone();
            scope.spawn(move || add_many(&objects, &format!("w{writer}"), 20));
        }
    });
    assert_eq!(files(&objects).len(), 160);
    assert_eq!(current(&objects, STORE).unwrap().unwrap().version, 161);
}

#[test]
fn only_so_many_versions_are_kept() {
    let objects = store();
    add_many(&objects, "a", 3 * RETAINED_VERSIONS as usize);
    let kept = objects.list_all(&keys::manifests(STORE)).unwrap().len() as u64;
    assert!(
        (RETAINED_VERSIONS..=RETAINED_VERSIONS + 2).contains(&kept),
        "{kept}"
    );
}

#[test]
fn a_writer_who_slept_through_pruning_is_not_acknowledged_in_vain() {
    let objects = store();
    let others = objects.clone();
    let slow = Interrupted::new(&objects, move || {
        add_many(&others, "b", 2 * RETAINED_VERSIONS as usize);
    });
    add(&slow, "file-late", "late", &[[0.0, 1.0, 0.0, 0.0]]).unwrap();
    let files = files(&objects);
    assert!(files.contains(&"file-late".to_owned()));
    assert_eq!(files.len(), 2 * RETAINED_VERSIONS as usize + 1);
}

#[test]
fn a_deleted_store_is_not_brought_back_by_a_late_writer() {
    let objects = store();
    let others = objects.clone();
    let slow = Interrupted::new(&objects, move || delete(&others, STORE, 3_000).unwrap());
    let late = add(&slow, "file-late", "late", &[[0.0, 1.0, 0.0, 0.0]]);
    assert_eq!(late.unwrap_err().status, 404);
    assert_eq!(current(&objects, STORE).unwrap(), None);
}

#[test]
fn a_name_can_be_taken_again_after_a_deletion_and_starts_empty() {
    let objects = store();
    add_many(&objects, "a", 3);
    delete(&objects, STORE, 3_000).unwrap();
    assert_eq!(objects.list_all(&keys::root(STORE)).unwrap().len(), 1);
    let again = create_or_change(&objects, &first(), 4_000, |_| Ok(None)).unwrap();
    assert!(again.version > 4);
    assert_eq!(files(&objects), Vec::<String>::new());
}

#[test]
fn an_ingestion_that_was_about_to_commit_sees_that_its_file_was_taken_out() {
    let objects = store();
    let others = objects.clone();
    let slow = Interrupted::new(&objects, move || {
        take_out(&others, STORE, "file-a", 3_000).unwrap();
    });
    let mut looked = 0;
    change(&slow, STORE, 3_000, |newest| {
        looked += 1;
        Ok((looked == 1).then(|| newest.clone()))
    })
    .unwrap();
    assert_eq!(
        looked, 2,
        "the version must have changed although the file was not in it"
    );
}

#[test]
fn folding_keeps_every_file_and_leaves_few_segments() {
    let objects = store();
    add_many(&objects, "a", FOLD_LENGTH);
    let manifest = current(&objects, STORE).unwrap().unwrap();
    assert!(manifest.is_fold_due());
    let mut ids = 0..;
    fold(&objects, &manifest, INDEXING, 3_000, || {
        format!("id{}", ids.next().unwrap())
    })
    .unwrap();
    let folded = current(&objects, STORE).unwrap().unwrap();
    assert!(folded.tail.is_empty() && folded.base.is_some());
    let table = Table::of(&objects, &folded).unwrap();
    assert_eq!((table.files.len(), table.segments.len()), (FOLD_LENGTH, 1));
    assert_eq!(folded.garbage.len(), FOLD_LENGTH);
    take_out(&objects, STORE, "file-a007", 3_000).unwrap();
    assert_eq!(files(&objects).len(), FOLD_LENGTH - 1);
}

#[test]
fn many_folds_leave_few_segments_and_rewrite_a_row_seldom() {
    const FOLDS: usize = 24;
    let objects = store();
    let mut ids = 0..;
    let (mut known, mut rewritten) = (std::collections::BTreeSet::new(), 0);
    for round in 0..FOLDS {
        add_many(&objects, &format!("r{round:02}x"), FOLD_LENGTH);
        let manifest = current(&objects, STORE).unwrap().unwrap();
        fold(&objects, &manifest, INDEXING, 3_000, || {
            format!("id{}", ids.next().unwrap())
        })
        .unwrap();
        let folded = current(&objects, STORE).unwrap().unwrap();
        let table = Table::of(&objects, &folded).unwrap();
        assert_eq!(table.files.len(), (round + 1) * FOLD_LENGTH);
        assert!(table.segments.len() <= 8, "{}", table.segments.len());
        let new = table
            .segments
            .values()
            .filter(|meta| known.insert(meta.id.clone()));
        rewritten += new.map(|meta| meta.rows as usize).sum::<usize>();
    }
    let rows = FOLDS * FOLD_LENGTH;
    assert!(rewritten < 6 * rows, "{rewritten} of {rows}");
}

#[test]
fn small_segments_of_one_file_are_not_merged_with_each_other() {
    let objects = store();
    let parts = [
        segment(&objects, "seg-1", "file-a", &[[1.0, 0.0, 0.0, 0.0]; 2]),
        segment(&objects, "seg-2", "file-a", &[[0.0, 1.0, 0.0, 0.0]]),
    ];
    let mut file = entry("file-a", "a", &parts[0]);
    file.segments.push(parts[1].id.clone());
    change(&objects, STORE, 2_000, |newest| {
        Ok(Some(newest.with_file(
            &Table::default(),
            file.clone(),
            parts.to_vec(),
            2_000,
        )))
    })
    .unwrap();
    add_many(&objects, "b", 4);
    let manifest = current(&objects, STORE).unwrap().unwrap();
    let mut ids = 0..;
    fold(&objects, &manifest, INDEXING, 3_000, || {
        format!("id{}", ids.next().unwrap())
    })
    .unwrap();
    let folded = current(&objects, STORE).unwrap().unwrap();
    assert!(folded.base.is_some());
    let table = Table::of(&objects, &folded).unwrap();
    let rows = |file: &str| -> u32 {
        let runs = table.segments.values().flat_map(|meta| &meta.files);
        runs.filter(|run| run.file_id == file)
            .map(|run| run.rows)
            .sum()
    };
    assert_eq!((rows("file-a"), rows("file-b003")), (3, 1));
}

#[test]
fn what_is_added_while_a_fold_goes_on_stays() {
    let objects = store();
    add_many(&objects, "a", FOLD_LENGTH);
    let manifest = current(&objects, STORE).unwrap().unwrap();
    let others = objects.clone();
    let slow = Interrupted::new(&objects, move || add_many(&others, "b", 2));
    let mut ids = 0..;
    fold(&slow, &manifest, INDEXING, 3_000, || {
        format!("id{}", ids.next().unwrap())
    })
    .unwrap();
    let folded = current(&objects, STORE).unwrap().unwrap();
    assert_eq!(folded.tail.len(), 2);
    assert_eq!(files(&objects).len(), FOLD_LENGTH + 2);
}

#[test]
fn a_fold_that_a_deletion_overtook_does_nothing_and_leaves_nothing() {
    let objects = store();
    add_many(&objects, "a", FOLD_LENGTH);
    let manifest = current(&objects, STORE).unwrap().unwrap();
    let kept = |folder| {
        objects
            .list_all(&format!("{}{folder}", keys::root(STORE)))
            .unwrap()
    };
    let (segments, bases) = (kept("segments/"), kept("base/"));
    let others = objects.clone();
    let slow = Interrupted::new(&objects, move || {
        take_out(&others, STORE, "file-a007", 3_000).unwrap();
    });
    let mut ids = 0..;
    fold(&slow, &manifest, INDEXING, 3_000, || {
        format!("id{}", ids.next().unwrap())
    })
    .unwrap();
    assert_eq!(files(&objects).len(), FOLD_LENGTH - 1);
    assert_eq!((kept("segments/"), kept("base/")), (segments, bases));
}

#[test]
fn superseded_objects_go_when_no_version_names_them_and_the_grace_has_passed() {
    let objects = store();
    add(&objects, "file-a", "old", &[[1.0, 0.0, 0.0, 0.0]]).unwrap();
    add(&objects, "file-a", "new", &[[1.0, 0.0, 0.0, 0.0]]).unwrap();
    let old = crate::segment::rows_key(STORE, "seg-old", None);
    let touch = |now_ms| {
        for _ in 0..RETAINED_VERSIONS + 1 {
            change(&objects, STORE, now_ms, |newest| Ok(Some(newest.clone()))).unwrap();
        }
    };
    touch(3_000);
    assert!(objects.get(&old).is_ok(), "a reader may still hold it");
    touch(2_000 + 3_600_000);
    assert_eq!(objects.get(&old), Err(ObjectError::NotFound));
    assert!(
        objects
            .get(&crate::segment::rows_key(STORE, "seg-new", None))
            .is_ok()
    );
}

#[test]
fn a_damaged_manifest_is_named_and_not_taken_for_an_empty_store() {
    let objects = store();
    objects.put(&keys::manifest(STORE, 2), b"{").unwrap();
    let error = current(&objects, STORE).unwrap_err();
    assert_eq!(error.code.as_deref(), Some("damaged_object"));
}

#[test]
fn a_fold_that_was_made_and_is_said_not_to_be_keeps_what_it_wrote() {
    for answer in [
        ObjectError::Unavailable("the answer was lost".into()),
        ObjectError::AlreadyExists,
    ] {
        let objects = store();
        add_many(&objects, "a", FOLD_LENGTH);
        let manifest = current(&objects, STORE).unwrap().unwrap();
        let denying = Interrupted::denying(&objects, answer);
        let mut ids = 0..;
        let _ = fold(&denying, &manifest, INDEXING, 3_000, || {
            format!("id{}", ids.next().unwrap())
        });
        let folded = current(&objects, STORE).unwrap().unwrap();
        assert!(folded.base.is_some());
        let table = Table::of(&objects, &folded).unwrap();
        assert_eq!(table.files.len(), FOLD_LENGTH);
        for key in table.segments.values().flat_map(|meta| meta.keys(STORE)) {
            objects.head(&key).unwrap();
        }
    }
}
