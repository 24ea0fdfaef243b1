use std::sync::Arc;

use dayfly_core::objects::Objects;
use dayfly_core::platform::Worker;
use dayfly_core::store::{Garbage, Indexing, Manifest, Next};
use tokio::runtime::Runtime;

use super::*;
use crate::storage::failing::{Failing, Operation};

/// A tenant `t` with stores, and who collects there.
struct Scene {
    runtime: Runtime,
    objects: Blocking,
    collector: Collector,
}

impl Scene {
    fn new(fails: fn(Operation, &str) -> bool) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let storage = Storage::new(Arc::new(Failing::new(fails)), "memory".into(), false);
        let upkeep = Upkeep {
            worker: Worker {
                node: "n".to_owned(),
                boot: "b".to_owned(),
            },
            indexing: Indexing {
                graph_min_rows: u32::MAX,
                segment_max_rows: 1_000,
            },
        };
        Self {
            objects: Blocking::new(&storage, "t", runtime.handle()),
            collector: Collector::new(&storage, upkeep),
            runtime,
        }
    }

    fn store(&self, id: &str) -> Manifest {
        crate::testing::store(&self.objects, id)
    }

    /// A store with an object that was superseded long ago; the object's key.
    fn store_with_garbage(&self, id: &str) -> String {
        let key = self.store(id).home().segment("old");
        self.objects.put(&key, b"x").unwrap();
        let noted = store::change(self.objects.platform(), id, |newest| {
            let mut next = newest.clone();
            next.garbage.push(Garbage {
                since_ms: Some(1),
                keys: vec![key.clone()],
            });
            Ok::<_, store::StoreError>(Some(Next::upkeep(next)))
        });
        noted.unwrap();
        key
    }

    fn look(&mut self) {
        self.runtime.block_on(self.collector.look()).unwrap();
    }

    fn is_there(&self, key: &str) -> bool {
        self.objects.head(key).is_ok()
    }
}

#[test]
fn the_garbage_of_an_idle_store_goes_and_is_looked_for_once() {
    let mut scene = Scene::new(|_, _| false);
    let key = scene.store_with_garbage("vs_1");
    scene.look();
    assert!(!scene.is_there(&key));
    // Put there by nobody who knows the store: it is not looked for again.
    let version = store::newest_version(scene.objects.platform(), "vs_1").unwrap();
    scene.objects.put(&key, b"x").unwrap();
    scene.look();
    assert!(scene.is_there(&key));
    let newest = store::newest_version(scene.objects.platform(), "vs_1").unwrap();
    assert_eq!(newest, version);
}

#[test]
fn a_store_that_cannot_be_read_does_not_keep_the_others_waiting() {
    let mut scene = Scene::new(|operation, path| {
        operation == Operation::List && path.starts_with("t/stores/vs_1/manifest")
    });
    let marker = "catalog/00000000001/vs_1/i1";
    scene.objects.put(marker, b"{}").unwrap();
    let key = scene.store_with_garbage("vs_2");
    scene.look();
    assert!(!scene.is_there(&key));
}

#[test]
fn a_deletion_that_was_cut_short_is_gone_on_with() {
    let mut scene = Scene::new(|_, _| false);
    let manifest = scene.store("vs_1");
    let key = manifest.home().segment("left");
    scene.objects.put(&key, b"x").unwrap();
    store::delete(scene.objects.platform(), &manifest).unwrap();
    assert!(scene.is_there(&key));
    scene.look();
    assert!(!scene.is_there(&key));
}
