use super::*;

fn filled() -> MemoryObjects {
    let objects = store();
    for file in 0..30 {
        add(
            &objects,
            &format!("file-{file:02}"),
            &format!("i{file}"),
            10 + file,
        );
    }
    store::take_out(&objects, STORE, "file-07", 2_000).unwrap();
    objects
}

#[test]
fn a_rebuilt_store_finds_what_it_found_before() {
    let objects = filled();
    let before = rows(&objects);
    let text = "file-12 i12 3";
    let expected = found(&objects, text, false);
    let Ok(Outcome::Built(index)) = run(&objects, "b1", &Maker::new(|| ())) else {
        panic!("not built");
    };
    assert_eq!(
        (index.rows, index.recall, rows(&objects)),
        (before, 1.0, before)
    );
    let manifest = current(&objects, STORE).unwrap().unwrap();
    assert_eq!(manifest.index, Some(index));
    assert!(manifest.tail.is_empty());
    assert_eq!(found(&objects, text, true), expected);
    assert_eq!(found(&objects, text, false), expected);
    let keys = base_objects(&objects);
    for name in [
        "rows-00000.arrow",
        "files.arrow",
        "files.json",
        "index.faiss",
    ] {
        assert!(
            keys.contains(&format!("stores/{STORE}/base/b1/{name}")),
            "{name}"
        );
    }
}

#[test]
fn what_is_deleted_or_replaced_after_a_rebuild_is_never_found_again() {
    let objects = filled();
    run(&objects, "b1", &Maker::new(|| ())).unwrap();
    store::take_out(&objects, STORE, "file-12", 2_000).unwrap();
    add(&objects, "file-13", "again", 4);
    let manifest = current(&objects, STORE).unwrap().unwrap();
    let table = Table::of(&objects, &manifest).unwrap();
    let live: u64 = live_in_base(&table, "b1", None)
        .iter()
        .map(|r| r.end - r.start)
        .sum();
    assert_eq!(live, manifest.index.unwrap().rows - 22 - 23);
    for natively in [true, false] {
        assert!(!found(&objects, "file-12 i12 3", natively).contains(&"file-12 i12 3".to_owned()));
        assert!(!found(&objects, "file-13 i13 3", natively).contains(&"file-13 i13 3".to_owned()));
        assert_eq!(
            found(&objects, "file-13 again 2", natively)[0],
            "file-13 again 2"
        );
    }
}

#[test]
fn folds_leave_an_indexed_base_as_it_is() {
    let objects = filled();
    run(&objects, "b1", &Maker::new(|| ())).unwrap();
    store::take_out(&objects, STORE, "file-12", 2_000).unwrap();
    for file in 0..40 {
        add(&objects, &format!("file-new{file}"), &format!("n{file}"), 3);
    }
    let indexing = store::Indexing {
        graph_min_rows: u32::MAX,
        segment_max_rows: 1_000,
    };
    let manifest = current(&objects, STORE).unwrap().unwrap();
    let mut fresh = 0;
    let new_id = || {
        fresh += 1;
        format!("f{fresh}")
    };
    let before = rows(&objects);
    store::fold(&objects, &manifest, indexing, 2_000, new_id).unwrap();
    let folded = current(&objects, STORE).unwrap().unwrap();
    assert!(folded.tail.is_empty());
    assert_eq!(folded.index, manifest.index);
    let base = folded.base.as_ref().unwrap();
    assert_eq!((base.rows, base.dead, rows(&objects)), (120, 22, before));
    for (text, natively) in [("file-20 i20 5", true), ("file-new7 n7 1", true)] {
        assert_eq!(found(&objects, text, natively)[0], text);
    }
    // 142 rows are new or dead, of 718 that the index knows.
    assert!(!is_due(&folded, 1));
    add(&objects, "file-more", "more", 40);
    let grown = current(&objects, STORE).unwrap().unwrap();
    assert!(is_due(&grown, 182) && !is_due(&grown, 183) && !is_due(&grown, 0));
}

#[test]
fn a_second_rebuild_takes_the_place_of_the_first_and_leaves_it_to_its_readers() {
    let objects = filled();
    run(&objects, "b1", &Maker::new(|| ())).unwrap();
    let old = base_objects(&objects);
    add(&objects, "file-99", "late", 5);
    run(&objects, "b2", &Maker::new(|| ())).unwrap();
    assert!(old.iter().all(|key| objects.head(key).is_ok()));
    assert_eq!(found(&objects, "file-99 late 4", true)[0], "file-99 late 4");
    // Nobody has changed the store for so long that nobody can be reading by an old version.
    assert_eq!(
        store::collect(&objects, STORE, None, 3_000 + 3_599_999).unwrap(),
        None
    );
    let version = current(&objects, STORE).unwrap().unwrap().version;
    let collected = store::collect(&objects, STORE, None, 3_000 + 3_600_000).unwrap();
    assert_eq!(collected, Some(version));
    assert!(
        base_objects(&objects)
            .iter()
            .all(|key| key.contains("/b2/"))
    );
    assert_eq!(
        objects
            .list_all(&store::keys::manifests(STORE))
            .unwrap()
            .len(),
        1
    );
    assert_eq!(objects.list_all(&store::keys::segments(STORE)).unwrap(), []);
    assert_eq!(found(&objects, "file-20 i20 5", true)[0], "file-20 i20 5");
    add(&objects, "file-100", "later", 5);
    assert_eq!(
        found(&objects, "file-100 later 4", true)[0],
        "file-100 later 4"
    );
}

#[test]
fn an_index_that_finds_too_little_is_not_used_and_leaves_nothing() {
    let objects = filled();
    let before = current(&objects, STORE).unwrap();
    let mut maker = Maker::new(|| ());
    maker.loses = 3;
    let error = run(&objects, "b1", &maker).unwrap_err();
    assert!(
        matches!(&error, RebuildError::GiveUp(text) if text.contains("95.0 %")),
        "{error}"
    );
    assert_eq!(current(&objects, STORE).unwrap(), before);
    assert_eq!(base_objects(&objects), Vec::<String>::new());
}

#[test]
fn a_store_without_rows_is_left_alone() {
    let objects = store();
    assert_eq!(run(&objects, "b1", &Maker::new(|| ())), Ok(Outcome::Empty));
    add(&objects, "file-1", "i1", 3);
    store::take_out(&objects, STORE, "file-1", 2_000).unwrap();
    assert_eq!(run(&objects, "b1", &Maker::new(|| ())), Ok(Outcome::Empty));
    assert_eq!(base_objects(&objects), Vec::<String>::new());
}

#[test]
fn progress_names_every_step_and_ends_at_its_end() {
    let objects = filled();
    let mut seen: Vec<Progress> = Vec::new();
    let maker = Maker::new(|| ());
    let mut report = |progress: &Progress| seen.push(*progress);
    rebuild(
        &objects,
        &order("b1"),
        &maker,
        &|| 3_000,
        &|| Ok(true),
        &mut report,
    )
    .unwrap();
    let mut steps: Vec<Step> = seen.iter().map(|progress| progress.step).collect();
    steps.dedup();
    use Step::*;
    assert_eq!(
        steps,
        [Copying, Training, Adding, Measuring, Writing, Committing]
    );
    assert!(
        seen.iter()
            .all(|progress| progress.rows == 718 && progress.done <= progress.of)
    );
}
