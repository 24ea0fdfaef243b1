use crate::store::{Entry, Manifest};

/// From so many rows that no index knows on a store is rebuilt, unless configured otherwise: about
/// where a scan of them takes longer than the rest of a search.
pub const DEFAULT_MIN_ROWS: u32 = 50_000;

/// Whether a store has outgrown its segments: at least `min_rows` rows (0 for never), and a fourth
/// of those that its index knows, are new to the index or dead in it.
///
/// Reads nothing but the version itself: deletions count from the next fold on.
pub fn is_due(manifest: &Manifest, min_rows: u32) -> bool {
    if min_rows == 0 {
        return false;
    }
    let in_tail: u64 = manifest
        .tail
        .iter()
        .map(|entry| match entry {
            Entry::Add { segments, .. } => segments.iter().map(|meta| u64::from(meta.rows)).sum(),
            _ => 0,
        })
        .sum();
    let folded = manifest
        .base
        .as_ref()
        .map_or(0, |base| base.rows + base.dead);
    let known = manifest.index.as_ref().map_or(0, |index| index.rows);
    in_tail + folded >= u64::from(min_rows).max(known / 4)
}
