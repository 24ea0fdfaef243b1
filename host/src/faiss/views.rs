use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;

use dayfly_core::filter::Filter;
use dayfly_core::search::live_in_base;
use dayfly_core::store::{self, Manifest, Table};
use dayfly_faiss::Selector;
use tokio::runtime::Handle;

use super::recent::Recent;
use super::{Error, blocking};
use crate::platform::{Blocking, Storage};

/// Versions and tables that are kept, by the bytes of their manifests and rows of their tables.
const MOST_BYTES: u64 = 32 << 20;
const MOST_ENTRIES: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not 0");
/// What a file, or a run of rows, takes in memory, about.
const FILE_BYTES: u64 = 1_024;
const RUN_BYTES: u64 = 96;

/// One version of a store, as far as its base goes.
pub struct View {
    /// The version.
    pub manifest: Manifest,
    table: Table,
    base: String,
    /// Rows that are live, filters aside.
    live: Vec<Range<u64>>,
    selector: Option<Arc<Selector>>,
}

/// Which rows a search may find.
pub struct Chosen {
    /// How many.
    pub rows: u64,
    /// Which; all where none is given.
    pub selector: Option<Arc<Selector>>,
}

impl View {
    /// The rows that pass a filter, which is evaluated by the code that guests have.
    pub fn choose(&self, filter: Option<&Filter>, rows: u64) -> Chosen {
        match filter {
            None => Chosen {
                rows: count(&self.live),
                selector: self.selector.clone(),
            },
            Some(filter) => {
                let live = live_in_base(&self.table, &self.base, Some(filter));
                Chosen {
                    rows: count(&live),
                    selector: Some(Arc::new(Selector::from_ranges(&live, rows))),
                }
            }
        }
    }
}

fn count(ranges: &[Range<u64>]) -> u64 {
    ranges.iter().map(|range| range.end - range.start).sum()
}

/// Views of the versions that were searched last. Versions never change, so neither do they.
pub struct Views {
    storage: Storage,
    views: Recent<(String, String, u64), View>,
    tables: Recent<(String, String, String), Table>,
}

impl Views {
    /// Over a bucket's stores.
    pub fn new(storage: &Storage) -> Self {
        Self {
            storage: storage.clone(),
            views: Recent::new(MOST_BYTES, MOST_ENTRIES),
            tables: Recent::new(MOST_BYTES, MOST_ENTRIES),
        }
    }

    /// A store's version.
    pub async fn get(&self, tenant: &str, store: &str, version: u64) -> Result<Arc<View>, Error> {
        let key = (tenant.to_owned(), store.to_owned(), version);
        self.views
            .get(&key, async || self.make(tenant, store, version).await)
            .await
    }

    async fn make(&self, tenant: &str, store: &str, version: u64) -> Result<(View, u64), Error> {
        let objects = Blocking::new(&self.storage, tenant, &Handle::current());
        let (source, name) = (objects.clone(), store.to_owned());
        let manifest = blocking(move || Ok(store::at(&source, &name, version)?)).await?;
        let manifest = manifest.ok_or_else(|| {
            Error::Unavailable(
                "the store has changed so much meanwhile that this version is gone; search again"
                    .to_owned(),
            )
        })?;
        let Some(index) = manifest.index.clone() else {
            return Err(Error::NotFound);
        };
        let folded = match &manifest.base {
            Some(base) => self.table(objects, tenant, store, &base.id).await?,
            None => Arc::default(),
        };
        blocking(move || {
            let table = Table::clone(&folded).with_tail(&manifest);
            let weight = weight(&table);
            let live = live_in_base(&table, &index.base, None);
            let all = count(&live) == index.rows;
            let selector = (!all).then(|| Arc::new(Selector::from_ranges(&live, index.rows)));
            let view = View {
                base: index.base,
                manifest,
                table,
                live,
                selector,
            };
            Ok((view, weight + index.rows / 8))
        })
        .await
    }

    async fn table(
        &self,
        objects: Blocking,
        tenant: &str,
        store: &str,
        base: &str,
    ) -> Result<Arc<Table>, Error> {
        let key = (tenant.to_owned(), store.to_owned(), base.to_owned());
        let (store, base) = (store.to_owned(), base.to_owned());
        let make = async || {
            blocking(move || {
                let table = Table::folded(&objects, &store, &base)?;
                let weight = weight(&table);
                Ok((table, weight))
            })
            .await
        };
        self.tables.get(&key, make).await
    }
}

fn weight(table: &Table) -> u64 {
    let runs: usize = table.segments.values().map(|meta| meta.files.len()).sum();
    table.files.len() as u64 * FILE_BYTES + runs as u64 * RUN_BYTES
}
