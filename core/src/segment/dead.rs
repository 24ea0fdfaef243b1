//! Which rows of a segment are dead: a Roaring bitmap beside it, an object of its own.
//!
//! A segment is immutable. When rows of it die, another bitmap is written, and the next manifest
//! names that one. The object has Roaring's portable format, for other programs to read.

use std::ops::Range;

use roaring::RoaringBitmap;

use super::SegmentError;
use super::read::groups;
use crate::home::Home;
use crate::objects::ranges::{Wanted, read_existing};
use crate::objects::{Objects, Part};

/// Rows that no search may find.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadRows {
    bits: RoaringBitmap,
}

impl DeadRows {
    /// Every row lives.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads the bitmap of a segment that has so many rows.
    ///
    /// Fails with [`SegmentError::Corrupt`] when it is none, or names rows that the segment does
    /// not have. Holds a few bits for each row of the segment, however large the object is.
    pub fn read(
        objects: &dyn Objects,
        home: &Home,
        id: &str,
        rows: u32,
    ) -> Result<Self, SegmentError> {
        let read = Self::read_many(objects, home, &[(id, rows)])?;
        Ok(read.into_iter().next().unwrap_or_default())
    }

    /// As [`read`](Self::read), many at once and in order: pairs of a bitmap's id and the rows of
    /// its segment.
    pub fn read_many(
        objects: &dyn Objects,
        home: &Home,
        wanted: &[(&str, u32)],
    ) -> Result<Vec<Self>, SegmentError> {
        let mut read = Vec::with_capacity(wanted.len());
        for group in together(wanted) {
            let keys: Vec<String> = group.iter().map(|(id, _)| home.dead(id)).collect();
            let parts = group.iter().zip(&keys);
            let parts: Vec<_> = parts.map(|(&(_, rows), key)| whole(key, rows)).collect();
            let answers = read_existing(objects, &parts)?;
            for ((&(_, rows), key), data) in group.iter().zip(&keys).zip(answers) {
                read.push(Self::parse(&data, rows, key)?);
            }
        }
        Ok(read)
    }

    /// What [`read_many`](Self::read_many) reads of these, or first of them where they are many: for who
    /// reads it together with something else.
    pub fn reading(home: &Home, wanted: &[(&str, u32)]) -> Vec<Part> {
        let first = together(wanted).next().unwrap_or_default();
        let part = |&(id, rows): &(&str, u32)| whole(&home.dead(id), rows).part();
        first.iter().map(part).collect()
    }

    /// Writes the bitmap. The same rows always give the same bytes.
    pub fn write(&self, objects: &dyn Objects, home: &Home, id: &str) -> Result<(), SegmentError> {
        Ok(objects.put(&home.dead(id), &self.encode()?)?)
    }

    /// From now on these are dead; answers how many of them were not yet.
    pub fn kill(&mut self, rows: Range<u32>) -> u32 {
        self.bits.insert_range(rows) as u32
    }

    /// Whether the row is dead.
    pub fn is_dead(&self, row: u32) -> bool {
        self.bits.contains(row)
    }

    /// How many rows are dead.
    pub fn count(&self) -> u32 {
        self.bits.len() as u32
    }

    /// The dead rows, ascending, apart from one another.
    pub fn ranges(&self) -> impl Iterator<Item = Range<u32>> {
        let mut bits = self.bits.iter();
        // No row has the number `u32::MAX`: the exclusive end can be told.
        std::iter::from_fn(move || bits.next_range().map(|run| *run.start()..*run.end() + 1))
    }

    /// The live rows of a segment of so many, ascending, apart from one another: as a
    /// [`Scope`](super::Scope) takes them.
    pub fn live_ranges(&self, rows: u32) -> Vec<Range<u32>> {
        let mut live = Vec::new();
        let mut from = 0;
        for dead in self.ranges().take_while(|dead| dead.start < rows) {
            if from < dead.start {
                live.push(from..dead.start);
            }
            from = dead.end;
        }
        if from < rows {
            live.push(from..rows);
        }
        live
    }

    /// The rows that are dead here and not in `other`, such as those that died since `other`.
    pub fn minus(&self, other: &Self) -> Self {
        Self {
            bits: &self.bits - &other.bits,
        }
    }

    fn parse(mut data: &[u8], rows: u32, key: &str) -> Result<Self, SegmentError> {
        let broken = |what: &str| Err(SegmentError::corrupt(key, what));
        if data.len() as u64 > most_bytes(rows) {
            return broken("it is larger than its segment's bitmap can be");
        }
        let Ok(bits) = RoaringBitmap::deserialize_from(&mut data) else {
            return broken("it is no bitmap");
        };
        if !data.is_empty() {
            return broken("something follows the bitmap");
        }
        if bits.max().is_some_and(|last| last >= rows) {
            return broken("it names rows that its segment does not have");
        }
        Ok(Self { bits })
    }

    fn encode(&self) -> Result<Vec<u8>, SegmentError> {
        let mut bits = self.bits.clone();
        // From a run that is as long as its numbers, `optimize` alone would not get back.
        bits.remove_run_compression();
        bits.optimize();
        let mut data = Vec::with_capacity(bits.serialized_size());
        bits.serialize_into(&mut data)
            .map_err(|fault| SegmentError::Build(fault.to_string()))?;
        Ok(data)
    }
}

/// Bitmaps that are read by one call.
fn together<'a, 'b>(wanted: &'b [(&'a str, u32)]) -> impl Iterator<Item = &'b [(&'a str, u32)]> {
    const MOST_AT_ONCE: usize = 256;
    groups(wanted, MOST_AT_ONCE, |&(_, rows)| most_bytes(rows))
}

/// The bitmap of so many rows, and one byte more than there can be, which tells an object that is too large.
fn whole(key: &str, rows: u32) -> Wanted<'_> {
    Wanted {
        key,
        bytes: 0..most_bytes(rows) + 1,
    }
}

/// The most bytes that the bitmap of so many rows takes: Roaring keeps 65,536 of them in at most
/// 8 KiB, described by 9 bytes, behind a header of 8.
fn most_bytes(rows: u32) -> u64 {
    const CONTAINER_ROWS: u32 = 1 << 16;
    const CONTAINER_BYTES: u64 = (8 << 10) + 9;
    8 + u64::from(rows.div_ceil(CONTAINER_ROWS)) * CONTAINER_BYTES
}
