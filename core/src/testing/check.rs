//! Whether a store holds together.

use std::collections::{BTreeMap, BTreeSet};

use crate::objects::Objects;
use crate::platform::Platform;
use crate::store::runs::{Bounds, Direction};
use crate::store::{self, FileEntry, Files, Manifest, TAIL_CHANGES, live_rows, manifest_key};

/// All keys.
pub(crate) fn keys(objects: &dyn Objects, prefix: &str) -> Vec<String> {
    let all = objects.list_all(prefix).unwrap();
    all.into_iter().map(|meta| meta.key).collect()
}

/// The files of a version, by id.
pub(crate) fn files(platform: Platform<'_>, manifest: &Manifest) -> Vec<FileEntry> {
    let (home, direction) = (manifest.home(), Direction::Ascending);
    let all = Files::of(platform, manifest, &home, Bounds::default(), direction).unwrap();
    all.map(Result::unwrap).collect()
}

/// How many rows each file of a store has.
pub(crate) fn rows_by_file(platform: Platform<'_>, store: &str) -> BTreeMap<String, u64> {
    let manifest = store::existing(platform, store).unwrap();
    let all = files(platform, &manifest).into_iter();
    all.map(|file| (file.file_id.clone(), file.row_count()))
        .collect()
}

/// What is promised of a store at any moment; answers its newest version.
pub(crate) fn check(platform: Platform<'_>, store: &str) -> Option<Manifest> {
    let manifest = store::current(platform, store).unwrap()?;
    let own = manifest_key(store, manifest.version);
    if let Ok(meta) = platform.objects.head(&own) {
        let is_old = manifest.nonce.starts_with("legacy-");
        assert!(is_old || meta.size <= manifest.most_bytes() as u64);
        assert!(is_old || manifest.tail.len() < TAIL_CHANGES);
    }
    for key in store::named(&manifest) {
        assert!(
            platform.objects.head(&key).is_ok(),
            "{key} is named and gone"
        );
    }
    let in_order = |pair: &[store::runs::RunRef]| pair[0].from > pair[1].to;
    assert!(
        manifest.runs.windows(2).all(in_order),
        "{:?}",
        manifest.runs
    );
    let files = files(platform, &manifest);
    assert_eq!(manifest.totals.files, files.len() as u64);
    let bytes: u64 = files.iter().map(|file| file.usage_bytes).sum();
    assert_eq!(manifest.totals.bytes, bytes);
    check_rows(platform, &manifest, &files);
    Some(manifest)
}

/// A row is live if and only if one file names it.
fn check_rows(platform: Platform<'_>, manifest: &Manifest, files: &[FileEntry]) {
    let mut named = BTreeSet::new();
    for range in files.iter().flat_map(|file| &file.rows) {
        for row in range.first..range.first + range.rows {
            assert!(named.insert((range.segment.clone(), row)), "{range:?}");
        }
    }
    let mut live = BTreeSet::new();
    for (segment, ranges) in live_rows(platform, manifest, None).unwrap() {
        let rows = ranges.into_iter().flatten();
        live.extend(rows.map(|row| (segment.clone(), row)));
    }
    assert_eq!(live, named);
    assert_eq!(manifest.totals.rows, live.len() as u64);
    let counted: u64 = manifest.segments.iter().map(|one| one.live_rows()).sum();
    assert_eq!(manifest.totals.rows, counted);
}
