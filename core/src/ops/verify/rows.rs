//! Whether files, rows and totals agree.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Findings;
use crate::platform::Platform;
use crate::store::runs::{Bounds, Direction};
use crate::store::{
    DeadRows, FileEntry, Files, Manifest, RowRange, StoreError, Totals, dead_rows_of, manifest_key,
};

/// Whose a segment's rows are.
struct Rows {
    all: u32,
    dead: DeadRows,
    /// Those of files.
    owned: DeadRows,
}

impl Rows {
    /// Gives rows to a file; what speaks against that.
    fn own(&mut self, rows: &Range<u32>) -> Option<&'static str> {
        if rows.end > self.all || rows.is_empty() {
            return Some("it has none such");
        }
        if self.owned.kill(rows.clone()) < rows.end - rows.start {
            return Some("they are another file's, too");
        }
        rows.clone()
            .any(|row| self.dead.is_dead(row))
            .then_some("some are dead")
    }

    /// How many are live and no file's.
    fn lost(&self) -> u32 {
        let mut live = DeadRows::empty();
        live.kill(0..self.all);
        live.minus(&self.dead).minus(&self.owned).count()
    }
}

/// Whether a version's files, rows and totals fit each other. Errors as soon as something cannot be
/// read.
pub(super) fn look(
    platform: Platform<'_>,
    manifest: &Manifest,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let home = manifest.home();
    let dead = dead_rows_of(platform, &home, &manifest.segments)?;
    let mut segments: BTreeMap<&str, Rows> = BTreeMap::new();
    for (segment, dead) in manifest.segments.iter().zip(dead) {
        let rows = Rows {
            all: segment.meta.rows,
            dead,
            owned: DeadRows::empty(),
        };
        segments.insert(&segment.meta.id, rows);
    }
    // Of a look that comes to no end nothing is told.
    let mut found = Vec::new();
    let mut totals = Totals::default();
    let (bounds, direction) = (Bounds::default(), Direction::Ascending);
    for file in Files::of(platform, manifest, &home, bounds, direction)? {
        let file = file?;
        totals.files += 1;
        totals.rows += file.row_count();
        totals.bytes += file.usage_bytes;
        look_at_file(&file, &mut segments, &mut found);
    }
    for segment in &manifest.segments {
        let lost = segments.get(segment.meta.id.as_str()).map_or(0, Rows::lost);
        if lost > 0 {
            let what = format!("{lost} of its live rows are of no file");
            found.push((segment.meta.rows_key(&home), what));
        }
    }
    if totals != manifest.totals {
        let (noted, counted) = (said(manifest.totals), said(totals));
        let what = format!("it says {noted}, and there are {counted}");
        found.push((manifest_key(&home.store, manifest.version), what));
    }
    for (at, what) in found {
        findings.damaged(&at, what);
    }
    Ok(())
}

fn look_at_file(
    file: &FileEntry,
    segments: &mut BTreeMap<&str, Rows>,
    found: &mut Vec<(String, String)>,
) {
    for RowRange {
        segment,
        first,
        rows,
    } in &file.rows
    {
        let range = *first..first.saturating_add(*rows);
        let fault = match segments.get_mut(segment.as_str()) {
            None => Some("it is not in the store"),
            Some(segment) => segment.own(&range),
        };
        if let Some(fault) = fault {
            let (first, end) = (range.start, range.end);
            let what = format!("its rows {first}..{end} of the segment {segment}: {fault}");
            found.push((file.file_id.clone(), what));
        }
    }
}

fn said(totals: Totals) -> String {
    let Totals { files, rows, bytes } = totals;
    format!("{files} files, {rows} rows, {bytes} bytes")
}
