//! When a rebuild is worth it.

use crate::store::Manifest;

/// From so many rows that no index knows on a store is rebuilt, unless configured otherwise: about
/// where a scan of them takes longer than the rest of a search.
pub const DEFAULT_MIN_ROWS: u32 = 50_000;

/// Whether a store has outgrown its segments: at least `min_rows` rows (0 for never), and a fourth
/// of those that its index knows, are new to the index or dead in it, and some row is live.
///
/// Reads nothing but the version itself.
pub fn is_due(manifest: &Manifest, min_rows: u32) -> bool {
    let known = manifest.index.as_ref().map_or(0, |index| index.rows);
    let is_wanted = min_rows > 0 && manifest.totals.rows > 0;
    is_wanted && manifest.unindexed_rows() >= u64::from(min_rows).max(known / 4)
}
