//! Reading chosen columns of every file.

use std::collections::BTreeSet;
use std::ops::Range;

use arrow_buffer::{Buffer, MutableBuffer};

use super::RunError;
use super::decode::{Entries, decode};
use super::direction::Direction;
use super::join::Pieces;
use super::merge::Merge;
use super::open::{Run, has_crc, open, root_blocks};
use super::reference::RunRef;
use super::schema::LEADING;
use super::stream::{GROUP_BYTES, Leaf, Lens, Span, Stream};
use crate::filter::Attributes;
use crate::home::Home;
use crate::objects::Objects;
use crate::store::entry::RowRange;

/// What a scan tells of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ScannedFile {
    /// `file-…`.
    pub file_id: String,
    /// Whether it was taken out; then it has no attributes and no rows.
    pub deleted: bool,
    /// Those of its attributes that were asked for.
    pub attributes: Attributes,
    /// Its rows, in the order of its chunks.
    pub rows: Vec<RowRange>,
}

/// Calls `each` for every file that the runs tell of, in the order of the file ids, as the newest
/// of the runs (which are given newest first) has it: a file that was taken out as well.
///
/// Reads of each leaf only the columns that all this takes: those of the named attributes, and the
/// JSON of the others only where a name may be in it. Columns that lie apart are read in one piece
/// where the gap is below 12 KiB, or no larger than what is wanted around it. Holds at most about
/// 4 MiB of each run.
pub fn scan(
    objects: &dyn Objects,
    home: &Home,
    runs: &[RunRef],
    names: &BTreeSet<&str>,
    mut each: impl FnMut(ScannedFile),
) -> Result<(), RunError> {
    let runs: Vec<&RunRef> = runs.iter().collect();
    let opened = open(objects, home, &runs)?;
    let blocks = root_blocks(objects, &opened)?;
    let direction = Direction::Ascending;
    let streams = opened.into_iter().zip(blocks).map(|(run, block)| {
        let lens = Partly::new(&run, names);
        Stream::new(run, block, lens, Span::default(), direction, GROUP_BYTES)
    });
    let mut merge = Merge::new(objects, streams.collect(), direction);
    while let Some(file) = merge.next()? {
        each(file);
    }
    Ok(())
}

/// Some columns of each leaf.
struct Partly<'a> {
    names: &'a BTreeSet<&'a str>,
    /// The numbers of the columns, in order.
    columns: Vec<usize>,
}

impl<'a> Partly<'a> {
    fn new(run: &Run, names: &'a BTreeSet<&'a str>) -> Self {
        let columns = run.shape.columns.iter().enumerate();
        let named = columns.filter(|(_, column)| names.contains(column.name.as_str()));
        let rest = names.iter().any(|name| run.may_spill(name));
        Self {
            names,
            columns: (0..LEADING)
                .chain(named.map(|(number, _)| LEADING + number))
                .chain(rest.then(|| run.shape.rest()))
                .collect(),
        }
    }

    /// The columns' places in the object: the head's, then each wanted column's.
    fn places(&self, run: &Run, leaf: &Leaf) -> Result<Vec<(Range<u64>, u32)>, RunError> {
        let wrong = || run.corrupt("a block names bytes that it cannot have");
        let body = leaf.at.at + u64::from(leaf.at.head);
        let mut places = Vec::with_capacity(1 + self.columns.len());
        let head = leaf.places.first().ok_or_else(wrong)?;
        places.push((leaf.at.at..body, head.crc));
        for number in &self.columns {
            // The head's place comes first, and ends where the body begins.
            let start = match number {
                0 => 0,
                number => leaf.places.get(*number).ok_or_else(wrong)?.end,
            };
            let place = leaf.places.get(number + 1).ok_or_else(wrong)?;
            if place.end < start || place.end > leaf.at.body {
                return Err(wrong());
            }
            let range = body + u64::from(start)..body + u64::from(place.end);
            places.push((range, place.crc));
        }
        Ok(places)
    }
}

impl Lens for Partly<'_> {
    type Item = ScannedFile;
    const SINGLE_COLUMNS: bool = true;

    fn id(item: &ScannedFile) -> &str {
        &item.file_id
    }

    fn wanted(&self, run: &Run, leaf: &Leaf) -> Result<Vec<Range<u64>>, RunError> {
        let places = self.places(run, leaf)?;
        Ok(places.into_iter().map(|(range, _)| range).collect())
    }

    fn items(&self, run: &Run, leaf: &Leaf, pieces: &Pieces) -> Result<Vec<ScannedFile>, RunError> {
        let missing = || run.corrupt("a column lies outside what was read");
        let body_at = leaf.at.at + u64::from(leaf.at.head);
        let mut head: &[u8] = &[];
        let mut body = MutableBuffer::from_len_zeroed(leaf.at.body as usize);
        for (number, (range, crc)) in self.places(run, leaf)?.into_iter().enumerate() {
            let bytes = pieces.get(&range).ok_or_else(missing)?;
            if !has_crc(bytes, crc) {
                return Err(run.corrupt("a column has another checksum"));
            }
            if number == 0 {
                head = bytes;
                continue;
            }
            let at = (range.start - body_at) as usize;
            let place = body.as_slice_mut().get_mut(at..at + bytes.len());
            place.ok_or_else(missing)?.copy_from_slice(bytes);
        }
        let batch = decode(
            run,
            &leaf.at,
            head,
            &Buffer::from(body),
            Some(&self.columns),
        )?;
        let entries = Entries::of(run, &batch)?;
        let file = |entry| {
            Ok(ScannedFile {
                file_id: entries.id(entry).to_owned(),
                deleted: entries.is_deleted(entry),
                attributes: entries.attributes(entry, |name| self.names.contains(name))?,
                rows: entries.rows(entry),
            })
        };
        (0..batch.num_rows()).map(file).collect()
    }
}
