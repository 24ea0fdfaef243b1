//! Versions and filters' results that were used of late.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use dayfly_core::filter::Filter;
use dayfly_core::home::Home;
use dayfly_core::store::{self, IndexRef, Manifest, SegmentRef, StoreError};
use dayfly_core::store::{live_in_base, live_rows};
use tokio::runtime::Handle;

use super::recent::Recent;
use super::{Error, blocking};
use crate::confined::{Rows, Searcher};
use crate::storage::{Blocking, Storage, run_waiting};

/// Versions that are kept, and filters' results, each by the bytes that they take in memory.
const MOST_BYTES: u64 = 32 << 20;
const MOST_ENTRIES: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");
/// What a version takes, and a file or a segment in it, about.
const MANIFEST_BYTES: u64 = 64 << 10;
const ENTRY_BYTES: u64 = 1_024;

/// Which version's view of which base. A base's name is that of one life of its store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    tenant: String,
    store: String,
    base: String,
    version: u64,
}

/// One version of a store, as far as its base goes.
pub struct View {
    place: Place,
    /// Where the store's objects are.
    pub home: Home,
    /// The base's index.
    pub index: IndexRef,
    manifest: Manifest,
    /// Rows that are live, filters aside.
    pub live: Arc<Chosen>,
}

/// Which rows a search may find.
pub struct Chosen {
    /// How many.
    pub rows: u64,
    /// Which; all where none is given.
    pub selected: Option<Rows>,
    /// What it takes: its ranges here, and a bit of each row where they are searched.
    weight: u64,
}

impl Chosen {
    fn of(searcher: &Arc<Searcher>, live: &[Range<u64>], of: u64) -> Self {
        let rows = live.iter().map(|range| range.end - range.start).sum();
        let is_all = rows == of;
        Self {
            rows,
            selected: (!is_all).then(|| searcher.rows(live, of)),
            weight: match is_all {
                true => 0,
                false => of / 8 + size_of_val(live) as u64,
            },
        }
    }
}

/// Why there is no view of a version.
enum Lacking {
    /// The version, or something that it names, is gone.
    Pruned,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Lacking {
    fn from(error: E) -> Self {
        match error.into() {
            Error::NotFound => Self::Pruned,
            error => Self::Failed(error),
        }
    }
}

/// Views of the versions that were searched last, and what filters chose in them. Versions never
/// change, so neither do they.
pub struct Views {
    storage: Storage,
    searcher: Arc<Searcher>,
    views: Recent<Place, View>,
    chosen: Recent<(Place, String), Chosen>,
}

impl Views {
    /// Over a bucket's stores, for searches by that searcher.
    pub fn new(storage: &Storage, searcher: &Arc<Searcher>) -> Self {
        Self {
            storage: storage.clone(),
            searcher: Arc::clone(searcher),
            views: Recent::new(MOST_BYTES, MOST_ENTRIES),
            chosen: Recent::new(MOST_BYTES, MOST_ENTRIES),
        }
    }

    /// A version's view of its base. Where the version is gone, the newest one's of the same base:
    /// its rows are the same, and whoever asks knows which of them are live for him.
    ///
    /// Errors: [`Error::NotFound`] where neither has that base (any more).
    pub async fn get(
        &self,
        tenant: &str,
        store: &str,
        base: &str,
        version: u64,
    ) -> Result<Arc<View>, Error> {
        let mut place = Place {
            tenant: tenant.to_owned(),
            store: store.to_owned(),
            base: base.to_owned(),
            version,
        };
        match self.of(&place, None).await {
            Ok(view) => return Ok(view),
            Err(Lacking::Failed(error)) => return Err(error),
            Err(Lacking::Pruned) => {}
        }
        let (objects, name) = (self.objects(tenant), store.to_owned());
        let newest = blocking(move || Ok(store::current(objects.platform(), &name)?)).await?;
        let newest = newest.ok_or(Error::NotFound)?;
        place.version = newest.version;
        match self.of(&place, Some(newest)).await {
            Ok(view) => Ok(view),
            Err(Lacking::Failed(error)) => Err(error),
            Err(Lacking::Pruned) => Err(Error::NotFound),
        }
    }

    /// The rows of a view that pass a filter, whose text is `text`; it is evaluated by the code that
    /// guests have.
    pub async fn filtered(
        &self,
        view: &Arc<View>,
        text: &str,
        filter: Filter,
    ) -> Result<Arc<Chosen>, Error> {
        let key = (view.place.clone(), text.to_owned());
        let text_bytes = text.len() as u64;
        let (objects, view) = (self.objects(&view.place.tenant), Arc::clone(view));
        let searcher = Arc::clone(&self.searcher);
        let make = async || {
            blocking(move || {
                let live = choose(&objects, &view.manifest, &view.index, Some(&filter))?;
                let chosen = Chosen::of(&searcher, &live, view.index.rows);
                let weight = chosen.weight + text_bytes;
                Ok((chosen, weight))
            })
            .await
        };
        self.chosen.get(&key, make).await
    }

    async fn of(&self, place: &Place, known: Option<Manifest>) -> Result<Arc<View>, Lacking> {
        let (objects, key) = (self.objects(&place.tenant), place.clone());
        let searcher = Arc::clone(&self.searcher);
        let make = async || {
            let made = run_waiting(move || view(&objects, &searcher, key, known)).await;
            made.unwrap_or_else(|error| Err(Error::Unavailable(error.to_string()).into()))
        };
        self.views.get(place, make).await
    }

    fn objects(&self, tenant: &str) -> Blocking {
        Blocking::new(&self.storage, tenant, &Handle::current())
    }
}

fn view(
    objects: &Blocking,
    searcher: &Arc<Searcher>,
    place: Place,
    known: Option<Manifest>,
) -> Result<(View, u64), Lacking> {
    let mut manifest = match known {
        Some(known) => known,
        None => {
            store::at(objects.platform(), &place.store, place.version)?.ok_or(Lacking::Pruned)?
        }
    };
    let index = manifest.index.clone();
    let index = index
        .filter(|index| index.base == place.base && !manifest.deleted)
        .ok_or(Error::NotFound)?;
    let is_of_base = |segment: &SegmentRef| {
        let place = segment.meta.base.as_ref();
        place.is_some_and(|place| place.id == index.base)
    };
    // Of other segments nothing is read.
    manifest.segments.retain(is_of_base);
    let live = choose(objects, &manifest, &index, None)?;
    let live = Arc::new(Chosen::of(searcher, &live, index.rows));
    let entries = manifest.tail.len() + manifest.segments.len();
    let weight = MANIFEST_BYTES + entries as u64 * ENTRY_BYTES + live.weight;
    let view = View {
        home: manifest.home(),
        place,
        index,
        manifest,
        live,
    };
    Ok((view, weight))
}

fn choose(
    objects: &Blocking,
    manifest: &Manifest,
    index: &IndexRef,
    filter: Option<&Filter>,
) -> Result<Vec<Range<u64>>, StoreError> {
    let live = live_rows(objects.platform(), manifest, filter)?;
    Ok(live_in_base(manifest, &live, &index.base))
}

#[cfg(test)]
mod tests {
    use dayfly_core::platform::Worker;
    use dayfly_core::rebuild::{Order, Outcome, rebuild};
    use object_store::memory::InMemory;
    use serde_json::json;

    use super::*;
    use crate::rebuild::Faiss;
    use crate::testing;

    /// A store of three files with ten rows each.
    struct Scene {
        runtime: tokio::runtime::Runtime,
        objects: Blocking,
        views: Views,
    }

    impl Scene {
        fn new() -> Self {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .build()
                .unwrap();
            let storage = Storage::new(Arc::new(InMemory::new()), "memory".into(), true);
            let objects = Blocking::new(&storage, "t", runtime.handle());
            testing::store(&objects, "vs_1");
            for number in 1..=3 {
                testing::add(&objects, "vs_1", &format!("file-{number}"), 10 * number);
            }
            Self {
                runtime,
                objects,
                views: Views::new(&storage, &Searcher::in_thread()),
            }
        }

        fn rebuilt(&self) -> IndexRef {
            let worker = Worker {
                node: "n".to_owned(),
                boot: "b".to_owned(),
            };
            let order = Order::new("vs_1", worker, 1 << 30);
            let platform = self.objects.platform();
            match rebuild(platform, &order, &Faiss::in_thread(), &mut |_| {}).unwrap() {
                Outcome::Built(index) => index,
                Outcome::Empty => panic!("the store has rows"),
            }
        }

        fn newest(&self) -> Manifest {
            store::existing(self.objects.platform(), "vs_1").unwrap()
        }

        fn take_out(&self, file_id: &str) {
            let home = self.newest().home();
            store::take_out(self.objects.platform(), &home, file_id).unwrap();
        }

        fn get(&self, base: &str, version: u64) -> Result<Arc<View>, Error> {
            let view = self.views.get("t", "vs_1", base, version);
            self.runtime.block_on(view)
        }
    }

    #[test]
    fn a_version_tells_the_rows_that_were_live_in_it() {
        let scene = Scene::new();
        let index = scene.rebuilt();
        let before = scene.newest().version;
        scene.take_out("file-2");
        let rows = |version| scene.get(&index.base, version).unwrap().live.rows;
        assert_eq!(rows(before), 60);
        assert_eq!(rows(scene.newest().version), 40);
        assert!(matches!(scene.get("other", before), Err(Error::NotFound)));
    }

    #[test]
    fn a_filter_chooses_the_rows_of_the_files_that_pass_it() {
        let scene = Scene::new();
        let index = scene.rebuilt();
        let view = scene.get(&index.base, scene.newest().version).unwrap();
        let filter = json!({"type": "gte", "key": "n", "value": 20});
        let parsed = Filter::parse(&filter).unwrap();
        let text = filter.to_string();
        let chosen = scene.views.filtered(&view, &text, parsed);
        assert_eq!(scene.runtime.block_on(chosen).unwrap().rows, 50);
    }

    #[test]
    fn the_newest_version_stands_for_one_that_was_pruned_as_long_as_its_base_is_the_same() {
        let scene = Scene::new();
        let index = scene.rebuilt();
        let pruned = scene.newest().version;
        scene.take_out("file-2");
        let key = store::manifest_key("vs_1", pruned);
        dayfly_core::objects::Objects::delete(&scene.objects, &key).unwrap();
        assert_eq!(scene.get(&index.base, pruned).unwrap().live.rows, 40);
        let other = scene.rebuilt();
        assert_ne!(other.base, index.base);
        assert!(matches!(
            scene.get(&index.base, pruned),
            Err(Error::NotFound)
        ));
    }

    #[test]
    fn a_store_that_is_gone_has_no_view() {
        let scene = Scene::new();
        let index = scene.rebuilt();
        let newest = scene.newest();
        store::delete(scene.objects.platform(), &newest).unwrap();
        let version = newest.version + 1;
        assert!(matches!(
            scene.get(&index.base, version),
            Err(Error::NotFound)
        ));
    }
}
