use super::*;
use crate::objects::ObjectError;

fn filled() -> MemoryObjects {
    let objects = store();
    for file in 0..10 {
        add(&objects, &format!("file-{file}"), &format!("i{file}"), 20);
    }
    objects
}

fn fold(objects: &dyn Objects) {
    let manifest = current(objects, STORE).unwrap().unwrap();
    let indexing = store::Indexing {
        graph_min_rows: u32::MAX,
        segment_max_rows: 1_000,
    };
    let version = manifest.version;
    let mut fresh = 0;
    let new_id = || {
        fresh += 1;
        format!("v{version}f{fresh}")
    };
    store::fold(objects, &manifest, indexing, 2_000, new_id).unwrap();
}

#[test]
fn what_was_uploaded_deleted_replaced_and_folded_meanwhile_is_kept() {
    let objects = filled();
    let maker = Maker::new(|| {
        add(&objects, "file-new", "new", 7);
        add(&objects, "file-3", "again", 7);
        store::take_out(&objects, STORE, "file-4", 2_000).unwrap();
        fold(&objects);
        add(&objects, "file-newer", "newer", 7);
    });
    let Ok(Outcome::Built(index)) = run(&objects, "b1", &maker) else {
        panic!("not built");
    };
    assert_eq!(index.rows, 200);
    assert_eq!(rows(&objects), 200 - 40 + 21);
    for natively in [true, false] {
        for there in [
            "file-new new 3",
            "file-3 again 3",
            "file-newer newer 0",
            "file-5 i5 19",
        ] {
            assert_eq!(found(&objects, there, natively)[0], there);
        }
        for gone in ["file-3 i3 3", "file-4 i4 3"] {
            assert!(!found(&objects, gone, natively).contains(&gone.to_owned()));
        }
    }
}

#[test]
fn attributes_set_meanwhile_are_kept() {
    let objects = filled();
    let attributes: crate::filter::Attributes = [(
        "year".to_owned(),
        crate::filter::AttributeValue::Number(2026.0),
    )]
    .into();
    let maker = Maker::new(|| {
        store::change(&objects, STORE, 2_000, |newest| {
            Ok(Some(newest.with_attributes("file-5", attributes.clone())))
        })
        .unwrap();
    });
    run(&objects, "b1", &maker).unwrap();
    let manifest = current(&objects, STORE).unwrap().unwrap();
    let table = Table::of(&objects, &manifest).unwrap();
    assert_eq!(table.files["file-5"].attributes, attributes);
}

#[test]
fn a_store_deleted_meanwhile_stays_deleted_and_nothing_stays_behind() {
    let objects = filled();
    let maker = Maker::new(|| store::delete(&objects, STORE, 2_000).unwrap());
    assert_eq!(run(&objects, "b1", &maker), Err(RebuildError::Gone));
    assert_eq!(current(&objects, STORE).unwrap(), None);
    assert_eq!(base_objects(&objects), Vec::<String>::new());
}

#[test]
fn a_worker_that_was_overtaken_commits_nothing() {
    let objects = filled();
    let maker = Maker::new(|| ());
    let lost = || Ok(false);
    let ended = rebuild(
        &objects,
        &order("b1"),
        &maker,
        &|| 3_000,
        &lost,
        &mut |_| {},
    );
    assert_eq!(ended, Err(RebuildError::Overtaken));
    assert_eq!(base_objects(&objects), Vec::<String>::new());
}

#[test]
fn what_a_killed_try_wrote_is_cleared_and_what_the_store_names_is_not() {
    let objects = filled();
    run(&objects, "job1-1", &Maker::new(|| ())).unwrap();
    for key in ["job1-2/rows-00000.arrow", "job2-1/index.faiss"] {
        objects
            .put(&format!("stores/{STORE}/base/{key}"), b"x")
            .unwrap();
    }
    let before = current(&objects, STORE).unwrap().unwrap();
    clear(&objects, STORE, "job1-", 4_000).unwrap();
    // A commit that was under way finds this version in its way.
    let after = current(&objects, STORE).unwrap().unwrap();
    assert_eq!(after.version, before.version + 1);
    let left = base_objects(&objects);
    assert!(left.iter().any(|key| key.contains("/job1-1/")));
    assert!(!left.iter().any(|key| key.contains("/job1-2/")));
    assert!(left.iter().any(|key| key.contains("/job2-1/")));
    assert_eq!(found(&objects, "file-5 i5 3", true)[0], "file-5 i5 3");
}

#[test]
fn a_failing_storage_leaves_the_store_as_it_was() {
    for failing in 0..60 {
        let objects = filled();
        let before = current(&objects, STORE).unwrap();
        let flaky = Flaky::new(&objects, failing);
        let ended = run(&flaky, "b1", &Maker::new(|| ()));
        let after = current(&objects, STORE).unwrap();
        match ended {
            Ok(_) => assert!(after.unwrap().index.is_some()),
            // Told of a failure after the new version was made, it may be there or not, whole.
            Err(RebuildError::Retry(_)) => assert!(after == before || failing > 20, "{failing}"),
            Err(other) => panic!("{failing}: {other:?}"),
        }
        assert_eq!(rows(&objects), 200);
        assert_eq!(found(&objects, "file-5 i5 19", true)[0], "file-5 i5 19");
    }
}

/// Objects whose n-th call and all after it fail until a test looks again.
struct Flaky<'a> {
    inner: &'a dyn Objects,
    left: Cell<u32>,
}

impl<'a> Flaky<'a> {
    fn new(inner: &'a dyn Objects, left: u32) -> Self {
        Self {
            inner,
            left: Cell::new(left),
        }
    }

    fn call(&self) -> Result<(), ObjectError> {
        match self.left.get() {
            0 => Err(ObjectError::Unavailable("the network is down".to_owned())),
            left => {
                self.left.set(left - 1);
                Ok(())
            }
        }
    }
}

impl Objects for Flaky<'_> {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.call()?;
        self.inner.get(key)
    }
    fn get_range(&self, key: &str, range: std::ops::Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.call()?;
        self.inner.get_range(key, range)
    }
    fn get_many(&self, parts: &[crate::objects::Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        match self.call() {
            Ok(()) => self.inner.get_many(parts),
            Err(error) => parts.iter().map(|_| Err(error.clone())).collect(),
        }
    }
    fn head(&self, key: &str) -> Result<crate::objects::ObjectMeta, ObjectError> {
        self.call()?;
        self.inner.head(key)
    }
    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.call()?;
        self.inner.put(key, data)
    }
    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.call()?;
        self.inner.put_new(key, data)
    }
    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<crate::objects::ObjectMeta>, ObjectError> {
        self.call()?;
        self.inner.list(prefix, start_after, limit)
    }
    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.call()?;
        self.inner.folders(prefix)
    }
    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.call()?;
        self.inner.delete(key)
    }
    fn create(&self, key: &str) -> Result<Box<dyn crate::objects::ObjectWriter>, ObjectError> {
        self.call()?;
        self.inner.create(key)
    }
}
