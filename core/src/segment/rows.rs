//! Rows out of storage again: the few that were found, or all that are live.

use std::ops::Range;

use super::batch::NewRow;
use super::open::{Batch, Segment};
use super::read::{Wanted, floats_into, groups, read_all, u32_at, u64_at};
use super::scan::live_within;
use super::{MAX_TEXT_BYTES, SegmentError};
use crate::objects::Objects;

/// A row without its vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The file it comes from.
    pub file_id: String,
    /// The chunk's number in its file.
    pub chunk: u32,
    /// Where the chunk begins in its file, in bytes.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The chunk's text.
    pub text: String,
}

/// A row's numbers, and where in the object its text is.
struct Place {
    chunk: u32,
    start: u64,
    end: u64,
    text: Range<u64>,
}

/// A row that is looked for, and its batch.
struct Lookup<'a> {
    segment: &'a Segment<'a>,
    batch: &'a Batch,
    within: u64,
    row: u32,
    /// Its position in the caller's list.
    position: usize,
}

/// The rows asked for, in that order, by two rounds of range reads for all of them.
///
/// Fails with [`SegmentError::Invalid`] for a row that a segment does not have.
pub fn read_rows<'a>(
    objects: &dyn Objects,
    wanted: &[(&'a Segment<'a>, u32)],
) -> Result<Vec<Row>, SegmentError> {
    let mut lookups = wanted
        .iter()
        .enumerate()
        .map(|(position, (segment, row))| {
            let found = segment.find(*row);
            let (batch, within) = found.ok_or_else(|| {
                SegmentError::Invalid(format!("segment {} has no row {row}", segment.meta.id))
            })?;
            Ok(Lookup {
                segment,
                batch,
                within,
                row: *row,
                position,
            })
        })
        .collect::<Result<Vec<_>, SegmentError>>()?;
    lookups.sort_by(|a, b| (&a.segment.key, a.row).cmp(&(&b.segment.key, b.row)));
    let places = read_places(objects, &lookups)?;
    let mut rows = read_texts(objects, &lookups, places)?;
    rows.sort_by_key(|(position, _)| *position);
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn read_places(objects: &dyn Objects, lookups: &[Lookup<'_>]) -> Result<Vec<Place>, SegmentError> {
    let same = |a: &Lookup<'_>, b: &Lookup<'_>| {
        a.segment.key == b.segment.key && a.batch.first == b.batch.first
    };
    let batches: Vec<&[Lookup<'_>]> = lookups.chunk_by(same).collect();
    let length = |batch: &&[Lookup<'_>]| batch.first().map_or(0, |one| one.batch.at.rows * 24);
    let mut places = Vec::with_capacity(lookups.len());
    for group in groups(&batches, 256, length) {
        let parts: Vec<Wanted<'_>> = group
            .iter()
            .filter_map(|batch| batch.first())
            .map(|one| Wanted {
                key: &one.segment.key,
                bytes: one.batch.at.places(),
            })
            .collect();
        for (batch, data) in group.iter().zip(read_all(objects, &parts)?) {
            for one in *batch {
                places.push(place(one.segment, one.batch, one.within, &data)?);
            }
        }
    }
    Ok(places)
}

fn read_texts(
    objects: &dyn Objects,
    lookups: &[Lookup<'_>],
    places: Vec<Place>,
) -> Result<Vec<(usize, Row)>, SegmentError> {
    let placed: Vec<(&Lookup<'_>, Place)> = lookups.iter().zip(places).collect();
    let mut rows = Vec::with_capacity(placed.len());
    for group in groups(&placed, 1_024, |(_, place)| {
        place.text.end - place.text.start
    }) {
        let parts: Vec<Wanted<'_>> = group
            .iter()
            .map(|(one, place)| Wanted {
                key: &one.segment.key,
                bytes: place.text.clone(),
            })
            .collect();
        for ((one, place), text) in group.iter().zip(read_all(objects, &parts)?) {
            let text = String::from_utf8(text).map_err(|_| not_utf8(one.segment))?;
            let row = Row {
                file_id: one
                    .segment
                    .meta
                    .file_of(one.row)
                    .unwrap_or_default()
                    .to_owned(),
                chunk: place.chunk,
                start: place.start,
                end: place.end,
                text,
            };
            rows.push((one.position, row));
        }
    }
    Ok(rows)
}

/// Hands each live row, with its normalised vector, to `take`, in order; holds one batch.
///
/// For merging segments and for exporting them. `live` is as in [`Scope`](super::Scope).
pub fn each_row<E: From<SegmentError>>(
    objects: &dyn Objects,
    segment: &Segment<'_>,
    live: &[Range<u32>],
    mut take: impl FnMut(&NewRow<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut vector = Vec::new();
    for batch in &segment.batches {
        let rows = batch.first..batch.first + batch.at.rows as u32;
        let live = live_within(live, &rows);
        if live.is_empty() {
            continue;
        }
        let bytes = batch.at.chunk..batch.at.code;
        if bytes.end - bytes.start > MAX_BATCH_BYTES {
            return Err(segment
                .corrupt("a batch is larger than any that is written")
                .into());
        }
        let part = Wanted {
            key: &segment.key,
            bytes: bytes.clone(),
        };
        let data = read_all(objects, &[part])?.pop().unwrap_or_default();
        for row in live.into_iter().flatten() {
            let within = u64::from(row - batch.first);
            let place = place(segment, batch, within, &data)?;
            let text = slice(&data, &place.text, bytes.start);
            let text = std::str::from_utf8(text).map_err(|_| not_utf8(segment))?;
            let at = batch
                .at
                .vector_of(within, u64::from(segment.meta.dimension));
            floats_into(slice(&data, &at, bytes.start), &mut vector);
            let file_id = segment.meta.file_of(row).unwrap_or_default();
            let Place {
                chunk, start, end, ..
            } = place;
            take(&NewRow {
                file_id,
                chunk,
                start,
                end,
                text,
                vector: &vector,
            })?;
        }
    }
    Ok(())
}

/// Numbers, texts and vectors of the largest batch, with room for padding.
const MAX_BATCH_BYTES: u64 = 5 << 20;

fn slice<'a>(data: &'a [u8], range: &Range<u64>, offset: u64) -> &'a [u8] {
    let (start, end) = (range.start - offset, range.end - offset);
    data.get(start as usize..end as usize).unwrap_or_default()
}

/// Reads row `within` of a batch out of `data`, which begins with the batch's chunk numbers.
fn place(
    segment: &Segment<'_>,
    batch: &Batch,
    within: u64,
    data: &[u8],
) -> Result<Place, SegmentError> {
    let at = &batch.at;
    let number = |column: u64, width: u64| (column - at.chunk + within * width) as usize;
    let read = || {
        let from = u32_at(data, number(at.text_offsets, 4))?;
        let to = u32_at(data, number(at.text_offsets, 4) + 4)?;
        Some((
            Place {
                chunk: u32_at(data, number(at.chunk, 4))?,
                start: u64_at(data, number(at.start, 8))?,
                end: u64_at(data, number(at.end, 8))?,
                text: at.text + u64::from(from)..at.text + u64::from(to),
            },
            to.checked_sub(from)?,
        ))
    };
    match read() {
        Some((place, length))
            if length as usize <= MAX_TEXT_BYTES && place.text.end <= at.vector =>
        {
            Ok(place)
        }
        _ => Err(segment.corrupt("a text lies where none can be")),
    }
}

fn not_utf8(segment: &Segment<'_>) -> SegmentError {
    segment.corrupt("a text is not UTF-8")
}
