//! Keeping a store in few objects: the newest runs are merged into one, and the small segments
//! that came with them into larger ones.
//!
//! A merge takes the newest run and each older one that is not larger than what has gathered, so
//! that a file's entry is rewritten about as often as its run's size doubles, and of runs there
//! are never more than the logarithm of the files.

use super::error::StoreError;
use super::lease::{Duty, Held, claim};
use super::manifest::Manifest;
use super::mover::{Mover, Target};
use super::reference::SegmentRef;
use super::relocate::{Moved, commit, merge};
use crate::platform::{Platform, Worker};
use crate::segment::{SegmentMeta, max_rows};

/// Segments worth merging where their runs are not merged.
const LEAST_SEGMENTS: usize = 8;
/// A store has about so many full segments, however large it is: they grow with it.
const SEGMENTS: u64 = 32;
/// The next segment of a group is at most so much larger than what has gathered.
const LIKE: u64 = 4;
/// Segments below that size are alike.
const LEAST_ROWS: u64 = 256;

/// How segments are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indexing {
    /// From this many rows on a segment gets a graph.
    pub graph_min_rows: u32,
    /// A segment is closed at this many rows.
    pub segment_max_rows: u32,
}

/// What is merged.
#[derive(Debug, Clone, PartialEq)]
struct Plan {
    /// How many of the newest runs.
    runs: usize,
    /// Which segments, those of one group into one.
    groups: Vec<Vec<SegmentRef>>,
}

/// Whether the request that committed this version should compact the store after its answer.
pub fn is_compaction_due(manifest: &Manifest, indexing: Indexing, now_ms: u64) -> bool {
    plan(manifest, indexing, now_ms).is_some()
}

/// Compacts a store, where that is due and nobody else is at it; answers whether it did. Memory is
/// that of one segment being written and of some batches being read.
///
/// Stopped anywhere it leaves the store as it was, and objects that a scrub finds. With `steal`
/// nobody else's claim is heeded.
pub fn compact(
    platform: Platform<'_>,
    store: &str,
    worker: &Worker,
    indexing: Indexing,
    steal: bool,
) -> Result<bool, StoreError> {
    let now_ms = platform.now_ms();
    let wanted = |newest: &Manifest| plan(newest, indexing, now_ms).is_some();
    let Some(mut held) = claim(platform, store, Duty::Compaction, worker, steal, wanted)? else {
        return Ok(false);
    };
    let merged = merge_planned(platform, &mut held, indexing, now_ms);
    let Err(error) = merged else {
        return Ok(true);
    };
    let was_held = held.release(platform)?;
    match error {
        StoreError::Overtaken => Ok(false),
        // The store is gone, or what another did in its place was met.
        _ if !was_held => Ok(false),
        error => Err(error),
    }
}

fn merge_planned(
    platform: Platform<'_>,
    held: &mut Held,
    indexing: Indexing,
    now_ms: u64,
) -> Result<(), StoreError> {
    let manifest = held.manifest.clone();
    let Some(plan) = plan(&manifest, indexing, now_ms) else {
        held.release(platform)?;
        return Ok(());
    };
    let (segments, moves) = move_rows(platform, held, &manifest, &plan, indexing)?;
    let merged = manifest.runs[..plan.runs].to_vec();
    let is_whole = plan.runs == manifest.runs.len();
    let run = merge(platform, &manifest, &merged, &moves, is_whole, &mut || {
        held.renew(platform)
    })?;
    let moved = Moved {
        merged,
        run,
        segments,
        moves,
        index: None,
    };
    let committed = commit(platform, held, &moved);
    if let Err(StoreError::Overtaken | StoreError::NoSuchStore(_)) = &committed {
        discard(platform, &manifest, &moved);
    }
    committed.map(drop)
}

fn move_rows(
    platform: Platform<'_>,
    held: &mut Held,
    manifest: &Manifest,
    plan: &Plan,
    indexing: Indexing,
) -> Result<(Vec<SegmentMeta>, super::moves::Moves), StoreError> {
    let dimension = manifest.store.embedding.dimension.unwrap_or(1);
    let most_rows = most_rows(manifest, indexing, dimension);
    let is_graph_possible = most_rows <= max_rows(indexing.segment_max_rows, dimension);
    let mut mover = Mover::new(
        platform,
        Target {
            home: manifest.home(),
            model: manifest.store.embedding.model.clone(),
            dimension,
            most_rows,
            graph_min_rows: match is_graph_possible {
                true => indexing.graph_min_rows,
                false => u32::MAX,
            },
            base: None,
        },
    );
    for group in &plan.groups {
        for source in group {
            mover.take(source, |_, number| match number % 256 {
                0 => held.renew(platform),
                _ => Ok(()),
            })?;
        }
        mover.close()?;
    }
    mover.finish()
}

/// Removes what was written for nothing.
fn discard(platform: Platform<'_>, manifest: &Manifest, moved: &Moved) {
    let home = manifest.home();
    let runs = moved.run.iter().map(|run| run.key(&home));
    let segments = moved.segments.iter().flat_map(|meta| meta.keys(&home));
    let keys: Vec<String> = runs.chain(segments).collect();
    let _ = platform.objects.delete_many(&keys);
}

fn most_rows(manifest: &Manifest, indexing: Indexing, dimension: u32) -> u32 {
    let share = u32::try_from(manifest.totals.rows / SEGMENTS).unwrap_or(u32::MAX);
    max_rows(indexing.segment_max_rows, dimension).max(share)
}

fn plan(manifest: &Manifest, indexing: Indexing, now_ms: u64) -> Option<Plan> {
    // What a rebuild under way has read stays as it read it.
    let is_rebuilding = manifest.rebuilder.until_ms > now_ms;
    let is_free = |from: u64| !is_rebuilding || from > manifest.rebuilder.at;
    let free = manifest
        .runs
        .iter()
        .take_while(|run| is_free(run.from))
        .count();
    let newest = manifest.runs[..free].first()?;
    let mut gathered = newest.entries;
    let mut runs = 1;
    for run in &manifest.runs[1..free] {
        if run.entries > gathered && !is_mostly_dead(manifest, run.from, run.to) {
            break;
        }
        gathered += run.entries;
        runs += 1;
    }
    let from = manifest.runs[runs - 1].from;
    let dimension = manifest.store.embedding.dimension.unwrap_or(1);
    let most = u64::from(most_rows(manifest, indexing, dimension));
    let groups = groups(manifest, from, newest.to, most);
    let segments: usize = groups.iter().map(Vec::len).sum();
    let has_dead = groups.iter().any(|group| group.len() == 1);
    (runs > 1 || segments >= LEAST_SEGMENTS || has_dead).then_some(Plan { runs, groups })
}

fn is_mostly_dead(manifest: &Manifest, from: u64, to: u64) -> bool {
    // The rows of an indexed base only a rebuild can leave out.
    let within =
        |segment: &&SegmentRef| (from..=to).contains(&segment.born) && segment.meta.base.is_none();
    let all = manifest.segments.iter().filter(within);
    let (rows, live) = all.fold((0, 0), |(rows, live), segment| {
        (
            rows + u64::from(segment.meta.rows),
            live + segment.live_rows(),
        )
    });
    rows > 0 && live * 2 <= rows
}

/// Segments to merge: small ones from the smallest on, as long as the next is not much larger than
/// what has gathered. So a row is rewritten about as often as its segment's size quadruples, and
/// of each size few segments stay. One that is half dead is rewritten by itself.
fn groups(manifest: &Manifest, from: u64, to: u64, most: u64) -> Vec<Vec<SegmentRef>> {
    let is_dead = |segment: &SegmentRef| segment.live_rows() * 2 <= u64::from(segment.meta.rows);
    let mut candidates: Vec<&SegmentRef> = manifest.segments.iter().collect();
    candidates.retain(|segment| {
        let is_small = segment.live_rows() < most / 2 || is_dead(segment);
        // The rows of an indexed base stay as its index numbers them.
        (from..=to).contains(&segment.born) && segment.meta.base.is_none() && is_small
    });
    candidates.sort_by_key(|segment| (segment.live_rows(), segment.born));
    let mut groups: Vec<Vec<SegmentRef>> = Vec::new();
    let mut rows = 0;
    for segment in candidates {
        let live = segment.live_rows();
        let fits = rows + live <= most && live <= LIKE * rows.max(LEAST_ROWS);
        match groups.last_mut() {
            Some(group) if fits => group.push(segment.clone()),
            _ => {
                groups.push(vec![segment.clone()]);
                rows = 0;
            }
        }
        rows += live;
    }
    groups.retain(|group| group.len() > 1 || is_dead(&group[0]));
    groups
}
