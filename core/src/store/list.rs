//! A page of a version's files, by id.

use super::entry::{Change, FileEntry};
use super::error::StoreError;
use super::manifest::Manifest;
use super::runs::{Bounds, Cursor, Direction};
use crate::platform::Platform;

/// The files of a version in the order of their ids, one by one, from any place on: a bound need
/// not be the id of a file that is there.
pub struct Files<'a> {
    tail: std::vec::IntoIter<&'a Change>,
    next_in_tail: Option<&'a Change>,
    runs: Cursor<'a>,
    next_in_runs: Option<Change>,
    direction: Direction,
}

impl<'a> Files<'a> {
    /// Those within `bounds`. Reads as it goes: what a few files take at first, more with each step.
    pub fn of(
        platform: Platform<'a>,
        manifest: &'a Manifest,
        home: &'a crate::home::Home,
        bounds: Bounds<'a>,
        direction: Direction,
    ) -> Result<Self, StoreError> {
        let is_within = |id: &str| {
            bounds.after.is_none_or(|after| id > after)
                && bounds.before.is_none_or(|before| id < before)
        };
        let mut tail: Vec<&Change> = manifest
            .tail
            .iter()
            .filter(|change| is_within(change.file_id()))
            .collect();
        tail.sort_by(|a, b| a.file_id().cmp(b.file_id()));
        if direction == Direction::Descending {
            tail.reverse();
        }
        let mut tail = tail.into_iter();
        let mut runs = Cursor::new(platform.objects, home, &manifest.runs, bounds, direction)?;
        let next_in_runs = runs.next().transpose()?;
        Ok(Self {
            next_in_tail: tail.next(),
            tail,
            next_in_runs,
            runs,
            direction,
        })
    }

    fn advance(&mut self) -> Result<Option<FileEntry>, StoreError> {
        loop {
            let change = match (self.next_in_tail, &self.next_in_runs) {
                (None, None) => return Ok(None),
                (None, Some(_)) => self.pop_runs()?,
                (Some(_), None) => self.pop_tail(),
                (Some(tail), Some(runs)) => match tail.file_id() == runs.file_id() {
                    // The tail is newer.
                    true => {
                        self.pop_runs()?;
                        self.pop_tail()
                    }
                    false if self.direction.precedes(tail.file_id(), runs.file_id()) => {
                        self.pop_tail()
                    }
                    false => self.pop_runs()?,
                },
            };
            if let Some(Change::Put(file)) = change {
                return Ok(Some(file));
            }
        }
    }

    fn pop_tail(&mut self) -> Option<Change> {
        let change = self.next_in_tail.cloned();
        self.next_in_tail = self.tail.next();
        change
    }

    fn pop_runs(&mut self) -> Result<Option<Change>, StoreError> {
        let next = self.runs.next().transpose()?;
        Ok(std::mem::replace(&mut self.next_in_runs, next))
    }
}

impl Iterator for Files<'_> {
    type Item = Result<FileEntry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
