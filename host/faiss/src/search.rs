//! Searching an index.

use std::ptr;

use crate::bridge::{Refusal, SearchCall, checked};
use crate::error::{Error, Result};
use crate::index::{Index, count_rows};
use crate::parameters::Parameters;
use crate::selector::Selector;

/// A row that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its number.
    pub row: u64,
    /// By the [metric](Index::metric) of the index.
    pub score: f32,
}

/// How to search. By default all rows, as hard as the index itself says, on one thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct SearchOptions<'a> {
    /// How hard to look. 0 counts as not given.
    pub parameters: Parameters,
    /// The rows that may be found; `None` for all.
    pub selector: Option<&'a Selector>,
    /// Looks at every selected row, whatever the parameters say. The result is exact, but for
    /// what the codes have lost.
    pub exhaustive: bool,
    /// Threads to share the queries among; 0 counts as 1. One query is always answered by the
    /// thread that asks.
    pub threads: usize,
}

impl Index {
    /// Finds, for each of the `queries`, the up to `k` rows that are nearest to it, the nearest
    /// first.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the queries are not of the index's dimension or no finite
    /// numbers, or where an index of [`Kind::Other`](crate::Kind::Other) or of product-quantized
    /// codes without lists gets a selector and cannot use it.
    pub fn search(
        &self,
        queries: &[f32],
        k: usize,
        options: &SearchOptions<'_>,
    ) -> Result<Vec<Vec<Hit>>> {
        let facts = self.facts();
        let count = count_rows(queries, facts.dimension)?;
        let findable = options.selector.map_or(facts.rows, Selector::selected);
        let k = (k as u64).min(facts.rows);
        if count == 0 || k == 0 || findable == 0 {
            return Ok(vec![vec![]; count as usize]);
        }
        let mut found = Found::new(count, k)?;
        let ef_limit = u32::try_from(facts.rows)
            .unwrap_or(u32::MAX)
            .min(i32::MAX as u32);
        let bits = options.selector.map(Selector::bits);
        let call = SearchCall {
            queries: queries.as_ptr(),
            count,
            k,
            bitmap: bits.map_or(ptr::null(), <[u8]>::as_ptr),
            bitmap_bytes: bits.map_or(0, |bits| bits.len() as u64),
            nprobe: options.parameters.nprobe.unwrap_or(0),
            // FAISS allocates for as many candidates as it is told.
            ef_search: options.parameters.ef_search.unwrap_or(0).min(ef_limit),
            threads: threads(options.threads, count),
            exhaustive: options.exhaustive.into(),
            scores: found.scores.as_mut_ptr(),
            rows: found.rows.as_mut_ptr(),
        };
        // SAFETY: the handle is live, there are `count` queries of its dimension, the bitmap has
        // its length, and both results have room for `count * k`.
        checked(|failure| unsafe {
            (self.handle.table().search)(self.handle.as_ptr(), &raw const call, failure)
        })
        .map_err(Refusal::invalid)?;
        Ok(found.into_hits())
    }
}

fn threads(wanted: usize, queries: u64) -> u32 {
    let threads = (wanted as u64).min(queries).max(1);
    u32::try_from(threads).map_or(1024, |threads| threads.min(1024))
}

/// Where FAISS writes what it finds.
pub(crate) struct Found {
    pub scores: Vec<f32>,
    pub rows: Vec<i64>,
    k: usize,
}

impl Found {
    /// Room for `k` rows for each of `count` queries. `k` is at least 1.
    pub fn new(count: u64, k: u64) -> Result<Self> {
        let length = count.checked_mul(k).and_then(|n| usize::try_from(n).ok());
        let length = length.ok_or(Error::OutOfMemory)?;
        Ok(Self {
            scores: filled(0.0, length)?,
            rows: filled(-1, length)?,
            k: k as usize,
        })
    }

    /// FAISS writes -1 where it has found fewer rows.
    pub fn into_hits(self) -> Vec<Vec<Hit>> {
        let scores = self.scores.chunks_exact(self.k);
        let rows = self.rows.chunks_exact(self.k);
        rows.zip(scores)
            .map(|(rows, scores)| {
                let pairs = rows.iter().zip(scores);
                pairs
                    .filter_map(|(row, score)| {
                        let row = u64::try_from(*row).ok()?;
                        Some(Hit { row, score: *score })
                    })
                    .collect()
            })
            .collect()
    }
}

fn filled<T: Copy>(value: T, length: usize) -> Result<Vec<T>> {
    let mut values = vec![];
    values
        .try_reserve_exact(length)
        .map_err(|_| Error::OutOfMemory)?;
    values.resize(length, value);
    Ok(values)
}
