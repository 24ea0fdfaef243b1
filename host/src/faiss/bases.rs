//! The indexes that are open, for all tenants.

use std::num::NonZeroUsize;
use std::sync::Arc;

use dayfly_core::api::{IndexHit, IndexQuery};
use dayfly_core::filter::Filter;
use dayfly_core::home::Home;
use dayfly_faiss::Parameters;

use super::open::{Base, open};
use super::recent::Recent;
use super::views::{Chosen, Views};
use super::{Error, blocking};
use crate::confined::{Kind, Limits, Searcher, Wanted};
use crate::metrics::resident_memory;
use crate::storage::Storage;
use crate::turns::{Turns, Urgency};

/// Mapped indexes cost addresses and a file each.
const MOST_OPEN: NonZeroUsize = NonZeroUsize::new(1_024).expect("1024 is not 0");
/// Memory that searches take, whatever is open.
const OWN_MIB: u64 = 512;
/// Of an index file, no more than one part in so many is read into memory: the rest is mapped.
const MAPPED_SHARE: u64 = 4;
/// So few rows are all looked at: that takes less than narrowing them down.
const FEW_ROWS: u64 = 10_000;
/// Where fewer than one row in so many may be found, walking a graph to them leads through too many
/// others.
const RARE: u64 = 12;

/// The bases that were searched last, open.
pub struct Bases {
    storage: Storage,
    searcher: Arc<Searcher>,
    views: Views,
    open: Recent<Place, Base>,
    /// One search keeps one processor busy.
    searching: Arc<Turns>,
    /// So does reading a whole index to verify it.
    opening: Arc<Turns>,
}

/// Which base.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    tenant: String,
    home: Home,
    base: String,
    built_ms: u64,
}

impl Place {
    /// Whether it is of the same store, and older.
    fn is_before(&self, other: &Self) -> bool {
        let is_same = (&self.tenant, &self.home.store) == (&other.tenant, &other.home.store);
        is_same && self.built_ms < other.built_ms
    }
}

impl Bases {
    /// Over a bucket's stores; indexes whose files are so many bytes together stay open.
    pub fn new(storage: &Storage, open_bytes: u64) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let searcher = Searcher::new(Limits {
            threads: 2 * processors,
            openmp: 1,
            memory_mib: OWN_MIB + (open_bytes >> 20) / MAPPED_SHARE,
        });
        Self {
            storage: storage.clone(),
            views: Views::new(storage, &searcher),
            searcher,
            open: Recent::new(open_bytes, MOST_OPEN),
            searching: Turns::new(2 * processors, 2 * processors, usize::MAX),
            opening: Turns::new(processors, processors, usize::MAX),
        }
    }

    /// The live rows of a base that are nearest.
    pub async fn search(
        self: Arc<Self>,
        tenant: String,
        store: String,
        base: String,
        query: IndexQuery,
    ) -> Result<Vec<IndexHit>, Error> {
        let filter = query.filter.as_deref().map(parse).transpose()?;
        let view = self
            .views
            .get(&tenant, &store, &base, query.version)
            .await?;
        let whose: Arc<str> = tenant.as_str().into();
        let place = Place {
            tenant,
            home: view.home.clone(),
            base,
            built_ms: view.index.built_ms,
        };
        let (storage, searcher) = (&self.storage, &self.searcher);
        let meta = view.index.clone();
        let make = async || {
            let _turn = self.opening.take(&whose, Urgency::Now).await;
            let weight = meta.bytes;
            Ok::<_, Error>((
                open(storage, searcher, &place.tenant, &place.home, meta).await?,
                weight,
            ))
        };
        let base = self.open.get(&place, make).await?;
        // Nobody who begins now searches an older base of the store.
        self.open.forget(|other| other.is_before(&place));
        let chosen = match (filter, &query.filter) {
            (Some(filter), Some(text)) => self.views.filtered(&view, text, filter).await?,
            _ => Arc::clone(&view.live),
        };
        let turn = self.searching.take(&whose, Urgency::Now).await;
        let searcher = Arc::clone(&self.searcher);
        blocking(move || {
            // It ends with the search, whoever has gone away meanwhile.
            let _turn = turn;
            nearest(&searcher, &base, &chosen, &query)
        })
        .await
    }

    /// How many are open, and the bytes of their files.
    pub fn open(&self) -> (u64, u64) {
        self.open.held()
    }

    /// Processes that were started to search, and the memory of the one that runs.
    pub fn searchers(&self) -> (u64, u64) {
        let pid = self.searcher.pid();
        let memory = pid.and_then(|pid| resident_memory(&pid.to_string()));
        (self.searcher.started(), memory.unwrap_or(0))
    }
}

fn parse(filter: &str) -> Result<Filter, Error> {
    let value = serde_json::from_str(filter)
        .map_err(|fault| Error::Invalid(format!("the filter is no JSON: {fault}")))?;
    Filter::parse(&value).map_err(|error| Error::Invalid(error.to_string()))
}

fn nearest(
    searcher: &Searcher,
    base: &Base,
    chosen: &Chosen,
    query: &IndexQuery,
) -> Result<Vec<IndexHit>, Error> {
    let dimension = base.facts.dimension;
    if query.query.len() != dimension as usize {
        return Err(Error::Invalid(format!(
            "the query has {} components where the store has {dimension}; embed it with the store's \
             model",
            query.query.len(),
        )));
    }
    if chosen.rows == 0 || query.k == 0 {
        return Ok(Vec::new());
    }
    let text = match query.parameters.is_empty() {
        true => &base.meta.parameters,
        false => &query.parameters,
    };
    let parameters: Parameters = text
        .parse()
        .map_err(|error: dayfly_faiss::Error| Error::Invalid(error.to_string()))?;
    let share = base.meta.rows as f64 / chosen.rows as f64;
    let rare = chosen.rows * RARE < base.meta.rows;
    let wanted = Wanted {
        k: query.k as usize,
        parameters: widened(parameters, share).to_string(),
        exhaustive: chosen.rows <= FEW_ROWS || (rare && base.facts.kind == Kind::Graph),
    };
    let selected = chosen.selected.as_ref();
    let found = searcher.search(&base.index, selected, &query.query, &wanted)?;
    let hits = found.into_iter().take(wanted.k);
    Ok(hits.map(|(row, score)| IndexHit { row, score }).collect())
}

/// Where only one row in `share` may be found, a search looks at as many more, so that it finds as
/// much as one without a filter.
fn widened(parameters: Parameters, share: f64) -> Parameters {
    let widen = |value: u32| (f64::from(value) * share).ceil() as u32;
    Parameters {
        nprobe: parameters.nprobe.map(widen),
        ef_search: parameters.ef_search.map(widen),
    }
}
