//! Which rows of a version may be found.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;

use super::dead::dead_rows_of;
use super::entry::{Change, RowRange};
use super::error::StoreError;
use super::manifest::Manifest;
use super::runs;
use crate::filter::Filter;
use crate::platform::Platform;

/// Rows by segment: ascending, apart from one another. Segments of which no row may be found are
/// left out.
pub type Live = BTreeMap<String, Vec<Range<u32>>>;

/// The live rows of a version, or those of the files that pass a filter.
///
/// Without a filter no file is read, but the bitmaps of dead rows. With one, the columns of the
/// attributes that it names are, of every file.
pub fn live_rows(
    platform: Platform<'_>,
    manifest: &Manifest,
    filter: Option<&Filter>,
) -> Result<Live, StoreError> {
    match filter {
        None => all(platform, manifest),
        Some(filter) => passing(platform, manifest, filter),
    }
}

fn all(platform: Platform<'_>, manifest: &Manifest) -> Result<Live, StoreError> {
    let dead = dead_rows_of(platform, &manifest.home(), &manifest.segments)?;
    let segments = manifest.segments.iter().zip(dead);
    Ok(segments
        .map(|(segment, dead)| (segment.meta.id.clone(), dead.live_ranges(segment.meta.rows)))
        .filter(|(_, live)| !live.is_empty())
        .collect())
}

fn passing(
    platform: Platform<'_>,
    manifest: &Manifest,
    filter: &Filter,
) -> Result<Live, StoreError> {
    let mut live = Live::new();
    let mut newest = HashSet::new();
    for change in &manifest.tail {
        newest.insert(change.file_id());
        if let Change::Put(file) = change
            && filter.matches(&file.attributes)
        {
            add(&mut live, &file.rows);
        }
    }
    let names: BTreeSet<&str> = filter.names();
    let home = manifest.home();
    runs::scan(platform.objects, &home, &manifest.runs, &names, |file| {
        let is_newest = !file.deleted && !newest.contains(file.file_id.as_str());
        if is_newest && filter.matches(&file.attributes) {
            add(&mut live, &file.rows);
        }
    })?;
    live.values_mut().for_each(tidy);
    // What a file names and the version does not cannot be found.
    live.retain(|id, _| manifest.segment(id).is_some());
    Ok(live)
}

fn add(live: &mut Live, rows: &[RowRange]) {
    for range in rows {
        let end = range.first.saturating_add(range.rows);
        let ranges = match live.get_mut(&range.segment) {
            Some(ranges) => ranges,
            None => live.entry(range.segment.clone()).or_default(),
        };
        ranges.push(range.first..end);
    }
}

fn tidy(ranges: &mut Vec<Range<u32>>) {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u32>> = Vec::with_capacity(ranges.len());
    for range in ranges.drain(..) {
        match joined.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    *ranges = joined;
}

/// The live rows of the base `base` among `live`, as its index numbers them: ascending, apart.
pub fn live_in_base(manifest: &Manifest, live: &Live, base: &str) -> Vec<Range<u64>> {
    let mut parts: Vec<(u64, &Vec<Range<u32>>)> = manifest
        .segments
        .iter()
        .filter_map(|segment| {
            let place = segment
                .meta
                .base
                .as_ref()
                .filter(|place| place.id == base)?;
            Some((place.first_row, live.get(&segment.meta.id)?))
        })
        .collect();
    parts.sort_by_key(|(first, _)| *first);
    let mut rows: Vec<Range<u64>> = Vec::new();
    for (first, ranges) in parts {
        for range in ranges {
            let place = |row: u32| first.saturating_add(row.into());
            let range = place(range.start)..place(range.end);
            match rows.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => rows.push(range),
            }
        }
    }
    rows
}
