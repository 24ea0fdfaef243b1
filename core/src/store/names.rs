//! Which objects a version names.

use std::collections::HashSet;

use super::manifest::Manifest;

/// The keys of all objects that belong to a version: those of its rows, its files and its index.
pub fn named(manifest: &Manifest) -> HashSet<String> {
    let home = manifest.home();
    let segments = manifest.segments.iter().flat_map(|one| one.keys(&home));
    let runs = manifest.runs.iter().map(|run| run.key(&home));
    let index = manifest.index.iter().flat_map(|index| index.keys(&home));
    segments.chain(runs).chain(index).collect()
}
