//! Exact neighbours among vectors that are in no index, and threads.

use crate::bridge::{Refusal, checked};
use crate::cpu::table;
use crate::error::Result;
use crate::index::count_rows;
use crate::search::{Found, Hit};

/// Finds, for each of the `queries`, the up to `k` of the `vectors` that have the largest inner
/// product with it, the largest first. Exact; many queries at a time are done by matrix products.
///
/// # Errors
/// [`Error::Invalid`](crate::Error::Invalid) where they are no whole vectors of `dimension`
/// components, or no finite numbers;
/// [`Error::Unsupported`](crate::Error::Unsupported) on a machine that there is no code for.
pub fn nearest(
    queries: &[f32],
    vectors: &[f32],
    dimension: u32,
    k: usize,
) -> Result<Vec<Vec<Hit>>> {
    let count = count_rows(queries, dimension)?;
    let rows = count_rows(vectors, dimension)?;
    let k = (k as u64).min(rows);
    if count == 0 || k == 0 {
        return Ok(vec![vec![]; count as usize]);
    }
    let table = table()?;
    let mut found = Found::new(count, k)?;
    let (scores, ids) = (found.scores.as_mut_ptr(), found.rows.as_mut_ptr());
    let (queries, vectors) = (queries.as_ptr(), vectors.as_ptr());
    // SAFETY: there are so many queries and vectors of this dimension, and room for `count * k`.
    checked(|failure| unsafe {
        (table.nearest)(
            queries, count, vectors, rows, dimension, k, scores, ids, failure,
        )
    })
    .map_err(Refusal::invalid)?;
    Ok(found.into_hits())
}

/// Sets how many threads [`Index::train`](crate::Index::train), [`Index::add`](crate::Index::add)
/// and [`nearest`] use where the calling thread calls them; 0 counts as 1. Before, there is one
/// for every processor, or what `OMP_NUM_THREADS` said when the program started.
///
/// The threads wait for the next call of the same thread, and end with it.
pub fn set_threads(threads: usize) {
    let threads = u32::try_from(threads.clamp(1, 1024)).unwrap_or(1);
    // Where there is no code for this machine, there is nothing to say it to.
    let Ok(table) = table() else { return };
    // SAFETY: takes any number from 1.
    unsafe { (table.set_threads)(threads) }
}
