use super::*;

fn filled() -> (Tenant, Home) {
    let (tenant, home) = store();
    for file in 0..30 {
        let (id, ingest) = (format!("file-{file:02}"), format!("i{file}"));
        add(tenant.platform(), &home, &id, &ingest, 10 + file);
    }
    take_out(tenant.platform(), &home, "file-07");
    (tenant, home)
}

fn nothing() -> Maker<'static> {
    Maker::new(|| ())
}

#[test]
fn a_rebuilt_store_finds_what_it_found_before() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    let before = rows(platform);
    let text = "file-12 i12 3";
    let expected = found(platform, text, false);
    let index = built(platform, &nothing());
    assert_eq!(
        (index.rows, index.recall, rows(platform)),
        (before, 1.0, before)
    );
    let manifest = check(platform, STORE).unwrap();
    assert_eq!(manifest.index.as_ref(), Some(&index));
    assert!(manifest.segments.iter().all(|one| one.meta.base.is_some()));
    assert_eq!(found(platform, text, true), expected);
    assert_eq!(found(platform, text, false), expected);
    let keys = base_objects(&tenant, &home);
    for name in ["rows-00000.arrow", "files.arrow", "index.faiss"] {
        let key = format!("{}{name}", home.base(&index.base));
        assert!(keys.contains(&key), "{name}");
    }
}

#[test]
fn what_is_deleted_or_replaced_after_a_rebuild_is_never_found_again() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    built(platform, &nothing());
    take_out(platform, &home, "file-12");
    add(platform, &home, "file-13", "again", 4);
    let manifest = check(platform, STORE).unwrap();
    let index = manifest.index.as_ref().unwrap();
    let live = live_rows(platform, &manifest, None).unwrap();
    let live = live_in_base(&manifest, &live, &index.base).into_iter();
    let live: u64 = live.map(|range| range.end - range.start).sum();
    assert_eq!(live, index.rows - 22 - 23);
    for natively in [true, false] {
        for gone in ["file-12 i12 3", "file-13 i13 3"] {
            assert!(!found(platform, gone, natively).contains(&gone.to_owned()));
        }
        let text = "file-13 again 2";
        assert_eq!(found(platform, text, natively)[0], text);
    }
}

#[test]
fn compactions_leave_an_indexed_base_as_it_is() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    let index = built(platform, &nothing());
    take_out(platform, &home, "file-12");
    for file in 0..40 {
        add(
            platform,
            &home,
            &format!("file-new{file}"),
            &format!("n{file}"),
            3,
        );
    }
    let before = rows(platform);
    while compact(platform) {}
    let compacted = check(platform, STORE).unwrap();
    assert_eq!(compacted.index.as_ref(), Some(&index));
    assert_eq!((compacted.unindexed_rows(), rows(platform)), (142, before));
    for text in ["file-20 i20 5", "file-new7 n7 1"] {
        assert_eq!(found(platform, text, true)[0], text);
    }
    // 142 rows are new or dead, of 718 that the index knows.
    assert!(!is_due(&compacted, 1));
    add(platform, &home, "file-more", "more", 40);
    let grown = existing(platform, STORE).unwrap();
    assert!(is_due(&grown, 182) && !is_due(&grown, 183) && !is_due(&grown, 0));
}

#[test]
fn a_base_that_is_mostly_dead_does_not_make_runs_merge_again_and_again() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    built(platform, &nothing());
    for file in (0..30).filter(|file| *file != 7) {
        add(
            platform,
            &home,
            &format!("file-{file:02}"),
            &format!("a{file}"),
            2,
        );
    }
    while compact(platform) {}
    let mut merged = 0;
    for file in 0..256 {
        add(
            platform,
            &home,
            &format!("file-x{file}"),
            &format!("x{file}"),
            1,
        );
        let before = existing(platform, STORE).unwrap().runs;
        while compact(platform) {}
        let after = existing(platform, STORE).unwrap().runs;
        let new = after
            .iter()
            .filter(|run| before.iter().all(|old| old.id != run.id));
        merged += new.map(|run| run.entries).sum::<u64>();
    }
    check(platform, STORE);
    assert!(merged < 6 * 290, "{merged}");
}

#[test]
fn a_second_rebuild_takes_the_place_of_the_first_and_leaves_it_to_its_readers() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    let first = built(platform, &nothing());
    let old = base_objects(&tenant, &home);
    add(platform, &home, "file-99", "late", 5);
    let second = built(platform, &nothing());
    assert!(old.iter().all(|key| tenant.objects.head(key).is_ok()));
    assert_eq!(found(platform, "file-99 late 4", true)[0], "file-99 late 4");
    let collect = || {
        let newest = existing(platform, STORE).unwrap();
        while store::collect_garbage(platform, &newest).unwrap() {}
        store::collect_noted_garbage(platform, &newest).unwrap();
        check(platform, STORE);
    };
    let of_first = || {
        let all = base_objects(&tenant, &home).into_iter();
        all.filter(|key| key.starts_with(&home.base(&first.base)))
            .count()
    };
    collect();
    // Nobody can be reading by an old version only after the grace period.
    tenant.clock.advance(store::GRACE_MS - 1);
    collect();
    assert_eq!(of_first(), old.len());
    tenant.clock.advance(1_000);
    collect();
    assert_eq!(of_first(), 0);
    let rest = base_objects(&tenant, &home);
    assert!(
        rest.iter()
            .all(|key| key.starts_with(&home.base(&second.base)))
    );
    assert_eq!(
        keys(&tenant.objects, &home.key("segments/")),
        Vec::<String>::new()
    );
    assert_eq!(
        keys(&tenant.objects, &home.key("garbage/")),
        Vec::<String>::new()
    );
    assert_eq!(found(platform, "file-20 i20 5", true)[0], "file-20 i20 5");
    add(platform, &home, "file-a0", "later", 5);
    assert_eq!(
        found(platform, "file-a0 later 4", true)[0],
        "file-a0 later 4"
    );
}

#[test]
fn an_index_that_finds_too_little_is_not_used_and_leaves_nothing() {
    let (tenant, home) = filled();
    let platform = tenant.platform();
    let before = keys(&tenant.objects, &home.folder());
    let mut maker = nothing();
    maker.loses = 3;
    let error = run(platform, &maker).unwrap_err();
    assert!(
        matches!(&error, RebuildError::GiveUp(text) if text.contains("95.0 %")),
        "{error}"
    );
    let after = check(platform, STORE).unwrap();
    assert_eq!((after.index, after.rebuilder.until_ms), (None, 0));
    assert_eq!(keys(&tenant.objects, &home.folder()), before);
}

#[test]
fn a_store_without_rows_is_left_alone() {
    let (tenant, home) = store();
    let platform = tenant.platform();
    assert_eq!(run(platform, &nothing()), Ok(Outcome::Empty));
    add(platform, &home, "file-1", "i1", 3);
    take_out(platform, &home, "file-1");
    assert_eq!(run(platform, &nothing()), Ok(Outcome::Empty));
    assert_eq!(base_objects(&tenant, &home), Vec::<String>::new());
}

#[test]
fn progress_names_every_step_and_ends_at_its_end() {
    let (tenant, _) = filled();
    let mut seen: Vec<Progress> = Vec::new();
    let mut report = |progress: &Progress| seen.push(*progress);
    rebuild(tenant.platform(), &order(), &nothing(), &mut report).unwrap();
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
