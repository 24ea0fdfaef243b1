//! The commit of rows that were moved: what is true of every file stays true, and what happened
//! while they were copied is kept.

use std::collections::BTreeMap;

use super::commit::change;
use super::dead::{DeadRows, dead_rows};
use super::draft::Draft;
use super::entry::{Change, FileEntry};
use super::error::StoreError;
use super::lease::Held;
use super::manifest::{IndexRef, Manifest};
use super::moves::{Moves, Source};
use super::next::Next;
use super::reference::SegmentRef;
use super::runs::{Bounds, Cursor, Direction, RunError, RunRef, RunWriter, attribute_columns};
use crate::home::Home;
use crate::mutants::{Mutant, active};
use crate::objects::Objects;
use crate::platform::Platform;
use crate::segment::SegmentMeta;

/// Rows that were copied, and the run of the files that they are the rows of.
pub struct Moved {
    /// The runs that were merged, newest first: neighbours in the version that was read.
    pub merged: Vec<RunRef>,
    /// What they became; `None` where no file is left.
    pub run: Option<RunRef>,
    /// The new segments.
    pub segments: Vec<SegmentMeta>,
    /// Where each row went.
    pub moves: Moves,
    /// The native index over them, which takes the place of the present one.
    pub index: Option<IndexRef>,
}

/// Puts moved rows in the place of those that they were copied from.
///
/// What was added, replaced, taken out or given other attributes meanwhile keeps its own. Answers
/// the version that holds.
///
/// Errors: [`StoreError::Overtaken`] where the claim is not the newest any more, or what was
/// merged is not there any more: then nothing has changed.
pub fn commit(platform: Platform<'_>, held: &Held, moved: &Moved) -> Result<Manifest, StoreError> {
    let mut rewritten = Rewritten::default();
    let committed = change(platform, held.store(), |newest| {
        held.ensure_newest(newest)?;
        held.ensure_in_nobodys_way(newest, platform.now_ms())?;
        next(platform, held, moved, newest, &mut rewritten).map(Some)
    });
    rewritten.discard_unused(platform, committed.as_ref().ok());
    committed
}

fn next(
    platform: Platform<'_>,
    held: &Held,
    moved: &Moved,
    newest: &Manifest,
    rewritten: &mut Rewritten,
) -> Result<Next, StoreError> {
    let newer = newer_runs(newest, &moved.merged)?;
    let mut draft = Draft::of(platform, newest);
    for place in 0..newer {
        let run = &newest.runs[place];
        if let Some(with_new_rows) = rewritten.of(platform, newest, run, &moved.moves)? {
            draft.supersede_all(vec![run.key(&newest.home())]);
            draft.next.runs[place] = with_new_rows;
        }
    }
    for change in &mut draft.next.tail {
        if let Change::Put(file) = change
            && !active(Mutant::StalePlaces)
        {
            file.rows = moved.moves.map(&file.rows);
        }
    }
    let after = newer + moved.merged.len();
    draft.next.runs.splice(newer..after, moved.run.clone());
    for run in &moved.merged {
        draft.supersede_all(vec![run.key(&newest.home())]);
    }
    replace_segments(platform, &mut draft, newest, moved)?;
    if let Some(index) = &moved.index {
        replace_index(&mut draft, newest, index);
    }
    held.end(&mut draft.next);
    let mut next = draft.finish()?;
    next.is_upkeep = true;
    Ok(next)
}

/// How many runs are newer than those that were merged.
fn newer_runs(newest: &Manifest, merged: &[RunRef]) -> Result<usize, StoreError> {
    let Some(first) = merged.first() else {
        // Everything was in the tail: whatever became a run since is newer.
        return Ok(newest.runs.len());
    };
    let place = newest.runs.iter().position(|run| run.id == first.id);
    let newer = place.ok_or(StoreError::Overtaken)?;
    let same = |(present, merged): (&RunRef, &RunRef)| present.id == merged.id;
    let present = &newest.runs[newer..];
    match present.len() >= merged.len() && present.iter().zip(merged).all(same) {
        true => Ok(newer),
        false => Err(StoreError::Overtaken),
    }
}

fn replace_segments(
    platform: Platform<'_>,
    draft: &mut Draft<'_>,
    newest: &Manifest,
    moved: &Moved,
) -> Result<(), StoreError> {
    let home = newest.home();
    let mut dead: BTreeMap<&str, DeadRows> = BTreeMap::new();
    for (id, source) in moved.moves.sources() {
        let present = newest.segment(id);
        if let Some(present) = present {
            draft.supersede_all(present.keys(&home));
        }
        kill_late(platform, newest, present, source, &mut |target, rows| {
            let meta = moved.segments.iter().find(|meta| meta.id == target);
            if let Some(meta) = meta {
                dead.entry(&meta.id)
                    .or_insert_with(DeadRows::empty)
                    .kill(rows);
            }
        })?;
        draft.next.segments.retain(|segment| segment.meta.id != id);
    }
    let born = match &moved.merged.first() {
        Some(run) => run.to,
        None => newest.version,
    };
    let born = moved.run.as_ref().map_or(born, |run| run.to);
    for meta in &moved.segments {
        let mut segment = SegmentRef::new(meta.clone(), born);
        match dead.remove(meta.id.as_str()) {
            Some(dead) if dead.count() >= meta.rows => {
                draft.supersede_all(segment.keys(&home));
                continue;
            }
            Some(dead) => segment.dead = Some(draft.write_dead(&dead)?),
            None => {}
        }
        draft.next.segments.push(segment);
    }
    Ok(())
}

/// Tells the new places of rows that died after their segment was copied.
fn kill_late(
    platform: Platform<'_>,
    newest: &Manifest,
    present: Option<&SegmentRef>,
    source: &Source,
    kill: &mut dyn FnMut(&str, std::ops::Range<u32>),
) -> Result<(), StoreError> {
    let mut kill_range = |range: std::ops::Range<u32>| {
        for target in source.targets(&range) {
            kill(&target.segment, target.first..target.first + target.rows);
        }
    };
    let Some(present) = present else {
        // Its last row died meanwhile, and it left the store.
        kill_range(0..u32::MAX);
        return Ok(());
    };
    let now = dead_rows(platform, &newest.home(), present)?;
    if now.count() > source.dead.count() && !active(Mutant::ReviveRows) {
        now.ranges().for_each(kill_range);
    }
    Ok(())
}

fn replace_index(draft: &mut Draft<'_>, newest: &Manifest, index: &IndexRef) {
    if let Some(old) = &newest.index {
        draft.supersede_all(old.keys(&newest.home()));
    }
    draft.next.index = Some(index.clone());
}

/// Runs that became newer than what was merged, with the new places of rows in them; kept from
/// one try of the commit to the next.
#[derive(Default)]
struct Rewritten {
    by_run: BTreeMap<String, Option<RunRef>>,
    keys: BTreeMap<String, Vec<String>>,
}

impl Rewritten {
    /// The run anew, where a file in it has rows that were moved.
    fn of(
        &mut self,
        platform: Platform<'_>,
        newest: &Manifest,
        run: &RunRef,
        moves: &Moves,
    ) -> Result<Option<RunRef>, StoreError> {
        if let Some(known) = self.by_run.get(&run.id) {
            return Ok(known.clone());
        }
        let is_touched = |change: &Change| {
            let rows = change.file().map(|file| file.rows.as_slice());
            rows.is_some_and(|rows| moves.touches(rows))
        };
        let (objects, home) = (platform.objects, newest.home());
        let runs = std::slice::from_ref(run);
        let mut changes = changes_of(objects, &home, runs)?;
        let mut touched = false;
        while let Some(change) = changes.next().transpose()? {
            touched |= is_touched(&change);
        }
        let anew = match touched {
            false => None,
            true => {
                let merged = merge(platform, newest, runs, moves, false, &mut || Ok(()))?;
                if let Some(run) = &merged {
                    self.keys.insert(run.id.clone(), vec![run.key(&home)]);
                }
                merged
            }
        };
        self.by_run.insert(run.id.clone(), anew.clone());
        Ok(anew)
    }

    fn discard_unused(self, platform: Platform<'_>, committed: Option<&Manifest>) {
        // Where it is not known what was committed, the scrub finds them.
        let Some(committed) = committed else {
            return;
        };
        let unused = self
            .keys
            .into_iter()
            .filter(|(id, _)| committed.runs.iter().all(|run| &run.id != id));
        let keys: Vec<String> = unused.flat_map(|(_, keys)| keys).collect();
        let _ = platform.objects.delete_many(&keys);
    }
}

/// The newest change of each file that runs tell of, by id.
fn changes_of<'a>(
    objects: &'a dyn Objects,
    home: &Home,
    runs: &[RunRef],
) -> Result<Cursor<'a>, RunError> {
    Cursor::new(objects, home, runs, Bounds::default(), Direction::Ascending)
}

/// Merges runs into one, with the new places of rows; of each file the newest change. With
/// `is_whole` nothing is older, and what was taken out leaves no trace. `None` where nothing is left.
///
/// `heed` is called again and again while it goes on, and ends it by an error.
pub fn merge(
    platform: Platform<'_>,
    manifest: &Manifest,
    runs: &[RunRef],
    moves: &Moves,
    is_whole: bool,
    heed: &mut dyn FnMut() -> Result<(), StoreError>,
) -> Result<Option<RunRef>, StoreError> {
    let (objects, home) = (platform.objects, manifest.home());
    let (Some(newest), Some(oldest)) = (runs.first(), runs.last()) else {
        return Ok(None);
    };
    let columns = attribute_columns(objects, &home, runs)?;
    let mut changes = changes_of(objects, &home, runs)?;
    let mut writer = None;
    while let Some(change) = changes.next().transpose()? {
        heed()?;
        let change = match change {
            Change::Delete { .. } if is_whole => continue,
            Change::Delete { .. } => change,
            Change::Put(file) => Change::Put(FileEntry {
                rows: moves.map(&file.rows),
                ..file
            }),
        };
        let writer = match &mut writer {
            Some(writer) => writer,
            none => {
                let id = platform.new_id("");
                none.insert(RunWriter::create(objects, &home, &id, &columns)?)
            }
        };
        writer.push(&change)?;
    }
    match writer {
        Some(writer) => Ok(Some(writer.finish(oldest.from, newest.to)?)),
        None => Ok(None),
    }
}
