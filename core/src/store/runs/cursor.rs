//! Going through a run in order.

use std::ops::Range;

use arrow_buffer::Buffer;

use super::RunError;
use super::decode::{Details, Entries, decode};
use super::direction::Direction;
use super::join::Pieces;
use super::merge::Merge;
use super::open::{Run, open};
use super::reference::RunRef;
use super::stream::{Leaf, Lens, Span, Stream};
use crate::home::Home;
use crate::objects::Objects;
use crate::store::entry::Change;

/// Which files: those after one and before another, by file id, both excluded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds<'a> {
    /// Only files with greater ids.
    pub after: Option<&'a str>,
    /// Only files with smaller ids.
    pub before: Option<&'a str>,
}

/// The changes of several runs in the order of their file ids: of each file the newest one, be it
/// a deletion.
///
/// Reads one leaf (about 32 KiB) of each run at first, then twice as much each time, up to 1 MiB,
/// so that a page reads little and a merge reads in large pieces. Holds as much of each run.
/// After an error it has ended.
pub struct Cursor<'a> {
    merge: Option<Merge<'a, Whole>>,
}

impl<'a> Cursor<'a> {
    /// Opens the runs, which are given newest first, with one read of each that may hold a file
    /// within the bounds, all at once.
    pub fn new(
        objects: &'a dyn Objects,
        home: &Home,
        runs: &[RunRef],
        bounds: Bounds<'_>,
        direction: Direction,
    ) -> Result<Self, RunError> {
        let inside = |run: &&RunRef| {
            bounds.after.is_none_or(|after| after < run.last.as_str())
                && bounds
                    .before
                    .is_none_or(|before| run.first.as_str() < before)
        };
        let runs: Vec<&RunRef> = runs.iter().filter(inside).collect();
        let span = Span {
            after: bounds.after.map(str::to_owned),
            before: bounds.before.map(str::to_owned),
        };
        let streams = open(objects, home, &runs)?
            .into_iter()
            .map(|run| Stream::new(run, None, Whole, span.clone(), direction, 0))
            .collect();
        Ok(Self {
            merge: Some(Merge::new(objects, streams, direction)),
        })
    }

    fn advance(&mut self) -> Result<Option<Change>, RunError> {
        match &mut self.merge {
            Some(merge) => merge.next(),
            None => Ok(None),
        }
    }
}

impl Iterator for Cursor<'_> {
    type Item = Result<Change, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.merge = None;
        }
        next
    }
}

/// Whole changes.
struct Whole;

impl Lens for Whole {
    type Item = Change;
    const SINGLE_COLUMNS: bool = false;

    fn id(item: &Change) -> &str {
        item.file_id()
    }

    fn wanted(&self, _: &Run, leaf: &Leaf) -> Result<Vec<Range<u64>>, RunError> {
        let whole = leaf.at.at..leaf.at.end();
        Ok(vec![whole])
    }

    fn items(&self, run: &Run, leaf: &Leaf, pieces: &Pieces) -> Result<Vec<Change>, RunError> {
        let whole = leaf.at.at..leaf.at.end();
        let bytes = pieces
            .get(&whole)
            .ok_or_else(|| run.corrupt("a leaf lies outside what was read"))?;
        run.check_leaf(&leaf.at, bytes)?;
        let (head, body) = bytes
            .split_at_checked(leaf.at.head as usize)
            .ok_or_else(|| run.corrupt("a leaf is shorter than its head"))?;
        let batch = decode(run, &leaf.at, head, &Buffer::from(body), None)?;
        let entries = Entries::of(run, &batch)?;
        let details = Details::of(run, &batch)?;
        (0..batch.num_rows())
            .map(|entry| entries.change(&details, entry))
            .collect()
    }
}
