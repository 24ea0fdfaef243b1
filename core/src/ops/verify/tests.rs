use std::ops::Range;

use sha2::{Digest, Sha256};

use super::*;
use crate::files::{self, FileMeta};
use crate::home::Home;
use crate::objects::Objects;
use crate::store::{
    self, Change, IndexRef, Indexing, Next, RowRange, SCRUB_AFTER_MS, TAIL_CHANGES,
};
use crate::testing::{Rows, Tenant, add, entry, make, worker};

const STORE: &str = "vs_test";

fn rows(count: u8) -> Rows {
    let row = |number: u8| {
        (
            format!("text {number}"),
            vec![1.0, f32::from(number), 0.5, 0.0],
        )
    };
    (0..count).map(row).collect()
}

/// A store with runs, a tail, dead rows and an index.
fn full() -> (Tenant, Home) {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let home = make(platform, STORE);
    for number in 0..TAIL_CHANGES + 3 {
        let (file_id, ingest_id) = (format!("file-{number:03}"), format!("{number:027}"));
        add(platform, &home, &file_id, &ingest_id, &rows(4)).unwrap();
    }
    let indexing = Indexing {
        graph_min_rows: u32::MAX,
        segment_max_rows: 1_000,
    };
    store::compact(platform, STORE, &worker("n", "b"), indexing, false).unwrap();
    store::take_out(platform, &home, "file-001").unwrap();
    with_index(&tenant, &home);
    (tenant, home)
}

fn with_index(tenant: &Tenant, home: &Home) {
    let data = b"an index";
    let index = IndexRef {
        base: "b".to_owned(),
        rows: 1,
        bytes: data.len() as u64,
        sha256: format!("{:x}", Sha256::digest(data)),
        factory: "Flat".to_owned(),
        reason: String::new(),
        parameters: String::new(),
        candidates: 4,
        recall: 1.0,
        built_ms: 1,
        legacy: false,
    };
    let [key, files, list] = index.keys(home).try_into().unwrap();
    tenant.objects.put(&key, data).unwrap();
    tenant.objects.put(&files, b"files").unwrap();
    tenant.objects.put(&list, b"segments").unwrap();
    change(tenant, |manifest| manifest.index = Some(index.clone()));
}

fn change(tenant: &Tenant, apply: impl Fn(&mut Manifest)) {
    let changed = store::change(tenant.platform(), STORE, |newest| {
        let mut next = newest.clone();
        apply(&mut next);
        Ok::<_, StoreError>(Some(Next::upkeep(next)))
    });
    changed.unwrap();
}

fn verified(tenant: &Tenant) -> Verified {
    verify_store(tenant.platform(), STORE, &mut |_| {}).unwrap()
}

fn damages(tenant: &Tenant) -> Vec<Damage> {
    verified(tenant).findings.damaged
}

fn range(segment: &str, rows: Range<u32>) -> RowRange {
    RowRange {
        segment: segment.to_owned(),
        first: rows.start,
        rows: rows.end - rows.start,
    }
}

#[test]
fn a_sound_store_is_found_sound_to_the_last_byte() {
    let (tenant, _) = full();
    let mut bytes = 0;
    let found = verify_store(tenant.platform(), STORE, &mut |read| bytes += read).unwrap();
    assert_eq!(found.findings.damaged, []);
    assert_eq!(found.findings.unreachable, Strange::default());
    assert_eq!(found.totals.files, TAIL_CHANGES as u64 + 2);
    assert!(found.version.is_some() && bytes > 0);
}

#[test]
fn an_object_that_is_cut_off_or_gone_is_named() {
    let (tenant, home) = full();
    let manifest = store::existing(tenant.platform(), STORE).unwrap();
    let named = store::named(&manifest);
    for kind in ["segments/", "files/", "dead/", "index.faiss"] {
        assert!(named.iter().any(|key| key.contains(kind)), "{kind}");
    }
    for key in named {
        let whole = tenant.objects.get(&key).unwrap();
        tenant.objects.delete(&key).unwrap();
        let missing = damages(&tenant);
        assert!(
            missing
                .iter()
                .any(|one| one.at == key && one.what == "it is missing"),
            "{key}: {missing:?}"
        );
        tenant.objects.put(&key, &whole[..whole.len() - 1]).unwrap();
        // A list is, with the segments that name it.
        let is_checked = key.ends_with("index.faiss") || !key.starts_with(&home.base("b"));
        let is_named = damages(&tenant).iter().any(|one| one.at == key);
        assert_eq!(is_named, is_checked, "{key}");
        tenant.objects.put(&key, &whole).unwrap();
    }
    assert_eq!(damages(&tenant), []);
}

#[test]
fn a_byte_that_turned_is_found() {
    let (tenant, home) = full();
    let manifest = store::existing(tenant.platform(), STORE).unwrap();
    let segment = manifest.segments[0].meta.rows_key(&home);
    let index = home.index("b");
    for key in [segment, index] {
        let whole = tenant.objects.get(&key).unwrap();
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut turned = whole.clone();
            turned[at] ^= 1;
            tenant.objects.put(&key, &turned).unwrap();
            assert!(
                damages(&tenant).iter().any(|one| one.at == key),
                "{key} {at}"
            );
        }
        tenant.objects.put(&key, &whole).unwrap();
    }
}

#[test]
fn rows_and_files_that_do_not_fit_each_other_are_told() {
    type Case = (&'static str, fn(&str) -> Vec<RowRange>);
    let cases: [Case; 4] = [
        ("it is not in the store", |_| vec![range("other", 0..1)]),
        ("it has none such", |id| vec![range(id, 0..5)]),
        ("another file's", |id| {
            vec![range(id, 0..1), range(id, 0..1)]
        }),
        ("of no file", |id| vec![range(id, 0..3)]),
    ];
    for (what, rows_of) in cases {
        let tenant = Tenant::default();
        let home = make(tenant.platform(), STORE);
        add(tenant.platform(), &home, "file-a", "1", &rows(4)).unwrap();
        assert_eq!(damages(&tenant), []);
        change(&tenant, |manifest| {
            let wrong = rows_of(&manifest.segments[0].meta.id);
            let mut file = entry("file-a", "1", &[]);
            file.usage_bytes = manifest.totals.bytes;
            file.rows = wrong;
            manifest.tail = vec![Change::Put(file)];
        });
        let found = damages(&tenant);
        assert!(found.iter().any(|one| one.what.contains(what)), "{found:?}");
        assert!(
            found
                .iter()
                .any(|one| one.what.starts_with("it says 1 files"))
        );
    }
}

#[test]
fn a_file_whose_rows_are_dead_is_told() {
    let (tenant, _) = full();
    let manifest = store::existing(tenant.platform(), STORE).unwrap();
    let segment = manifest.segments.iter().find(|one| one.dead.is_some());
    let id = segment.unwrap().meta.id.clone();
    change(&tenant, |manifest| {
        let mut file = entry("file-z", "9", &[]);
        file.rows = vec![range(&id, 4..8)];
        manifest.tail.push(Change::Put(file));
    });
    let found = damages(&tenant);
    let told = |one: &&Damage| one.at == "file-z" && one.what.contains("some are dead");
    assert!(found.iter().any(|one| told(&one)), "{found:?}");
}

#[test]
fn what_nothing_names_is_listed_by_its_age() {
    let (tenant, home) = full();
    tenant
        .objects
        .put(&home.segment("seg-stray"), b"x")
        .unwrap();
    let former = Home::new(STORE, "i00000000001aaaaaaaaaaaaaaaa");
    tenant.objects.put(&former.run("r"), b"xyz").unwrap();
    let old = verified(&tenant).findings;
    assert_eq!((old.unreachable.objects, old.unreachable.bytes), (2, 4));
    assert_eq!((old.damages, old.recent.objects), (0, 0));
    // Objects in memory were all written at the time 0.
    tenant.clock.set(SCRUB_AFTER_MS - 1);
    let young = verified(&tenant).findings;
    assert_eq!((young.unreachable.objects, young.recent.objects), (0, 2));
}

#[test]
fn of_a_deleted_store_all_that_is_left_is_listed_unless_it_is_being_removed() {
    let (tenant, _) = full();
    let platform = tenant.platform();
    let newest = store::existing(platform, STORE).unwrap();
    let home = store::delete(platform, &newest).unwrap();
    let found = verified(&tenant);
    assert_eq!(
        (found.version, found.findings.unreachable.objects),
        (None, 0)
    );
    store::finish_deletion(platform, &home).unwrap();
    tenant.clock.advance(store::GRACE_MS);
    store::finish_deletion(platform, &home).unwrap();
    tenant.objects.put(&home.segment("late"), b"x").unwrap();
    assert_eq!(verified(&tenant).findings.unreachable.objects, 1);
}

#[test]
fn an_uploaded_file_has_the_bytes_that_it_says() {
    let tenant = Tenant::default();
    let file = FileMeta {
        id: "file-1".to_owned(),
        bytes: 3,
        created_at: 1,
        filename: "a".to_owned(),
        purpose: "assistants".to_owned(),
        content_type: None,
        expires_at: None,
        parts: Vec::new(),
    };
    let content = files::content_key("file-1");
    tenant.objects.put(&content, b"abc").unwrap();
    files::write(&tenant.objects, &file).unwrap();
    files::note_store(&tenant.objects, "file-1", STORE).unwrap();
    let look = || verify_tenant(tenant.platform(), &mut |_| {}).unwrap();
    assert_eq!(look().damaged, []);
    assert_eq!(look().unreachable.objects, 0);
    tenant.objects.put(&content, b"ab").unwrap();
    assert_eq!(look().damaged[0].what, "it has 2 bytes, not 3");
    tenant.objects.delete(&content).unwrap();
    assert_eq!(look().damaged[0].what, "it is missing");
    tenant
        .objects
        .put(&files::meta_key("file-1"), b"{")
        .unwrap();
    assert_eq!(look().damages, 1);
}

#[test]
fn what_belongs_to_no_file_and_no_store_is_listed() {
    let tenant = Tenant::default();
    make(tenant.platform(), STORE);
    for key in [
        "files/file-1/content",
        "files/file-1/stores/vs_1",
        "files/file-2/parts/part_1",
        "queue/vs_test/i1/file-1/1.json",
        "queue/vs_other/i1/file-1/1.json",
        "work/delete-file/file-3.json",
    ] {
        tenant.objects.put(key, b"x").unwrap();
    }
    // Its deletion is begun.
    tenant.objects.put("files/file-3/content", b"x").unwrap();
    let found = verify_tenant(tenant.platform(), &mut |_| {}).unwrap();
    assert_eq!((found.damages, found.unreachable.objects), (0, 6));
    assert!(
        !found
            .unreachable
            .keys
            .contains(&"files/file-3/content".to_owned())
    );
}
