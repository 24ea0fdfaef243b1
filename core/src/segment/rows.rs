//! Rows out of storage again: the few that were found, or all that are live.

use std::ops::Range;

use super::SegmentError;
use super::batch::NewRow;
use super::head::{Head, Place};
use super::open::Segment;
use super::pieces::{self, Piece, read_pieces};
use super::read::{floats_into, groups};
use super::scan::live_within;
use super::tail::Batch;
use crate::objects::{Objects, Part};

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

/// A row whose text is still to be read, and where in the object that is.
struct Found {
    row: Row,
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

/// Rows of which all is known but their texts.
pub struct Located<'a> {
    lookups: Vec<Lookup<'a>>,
    /// In the same order.
    found: Vec<Found>,
}

/// The rows asked for, in that order, by two rounds of range reads for all of them: one read for
/// each batch that holds some, one for each text. Beside the answer it holds 4 MiB.
///
/// Fails with [`SegmentError::Invalid`] for a row that a segment does not have.
pub fn read_rows<'a>(
    objects: &dyn Objects,
    wanted: &[(&'a Segment<'a>, u32)],
) -> Result<Vec<Row>, SegmentError> {
    Located::of(objects, wanted)?.with_texts(objects)
}

impl<'a> Located<'a> {
    /// The rows asked for, by the first of the two rounds; fails as [`read_rows`] does.
    pub fn of(
        objects: &dyn Objects,
        wanted: &[(&'a Segment<'a>, u32)],
    ) -> Result<Self, SegmentError> {
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
        let found = read_heads(objects, &lookups)?;
        Ok(Self { lookups, found })
    }

    /// The files that they are of, in no order, some of them several times.
    pub fn file_ids(&self) -> impl Iterator<Item = &str> {
        self.found.iter().map(|found| found.row.file_id.as_str())
    }

    /// What [`with_texts`](Self::with_texts) reads, or first where it is much.
    pub fn reading(&self) -> Vec<Part> {
        let texts = texts(&self.lookups, &self.found);
        let first = groups(&texts, MOST_TEXTS, Piece::length).next();
        pieces::reading(first.unwrap_or_default())
    }

    /// The rows, in the order in which they were asked for, by another round.
    pub fn with_texts(mut self, objects: &dyn Objects) -> Result<Vec<Row>, SegmentError> {
        read_texts(objects, &self.lookups, &mut self.found)?;
        let mut rows: Vec<(usize, Row)> = self
            .lookups
            .iter()
            .map(|one| one.position)
            .zip(self.found.into_iter().map(|found| found.row))
            .collect();
        rows.sort_unstable_by_key(|(position, _)| *position);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }
}

fn read_heads(objects: &dyn Objects, lookups: &[Lookup<'_>]) -> Result<Vec<Found>, SegmentError> {
    let same = |a: &Lookup<'_>, b: &Lookup<'_>| {
        a.segment.key == b.segment.key && a.batch.first == b.batch.first
    };
    let heads: Vec<(Piece<'_>, &[Lookup<'_>])> = lookups
        .chunk_by(same)
        .filter_map(|rows| {
            let one = rows.first()?;
            let head = Piece {
                segment: one.segment,
                bytes: one.batch.head(),
            };
            Some((head, rows))
        })
        .collect();
    let length = |(head, _): &(Piece<'_>, _)| head.length();
    let mut found = Vec::with_capacity(lookups.len());
    for group in groups(&heads, 256, length) {
        let pieces: Vec<Piece<'_>> = group.iter().map(|(head, _)| head.clone()).collect();
        for ((_, rows), data) in group.iter().zip(read_pieces(objects, &pieces)?) {
            take_rows(rows, &data, &mut found)?;
        }
    }
    Ok(found)
}

/// Takes rows of one batch out of its head.
fn take_rows(rows: &[Lookup<'_>], data: &[u8], found: &mut Vec<Found>) -> Result<(), SegmentError> {
    let Some(one) = rows.first() else {
        return Ok(());
    };
    let head = Head::parse(one.segment, one.batch, data)?;
    for one in rows {
        let Place {
            file_id,
            chunk,
            start,
            end,
            text,
        } = head.place(one.within)?;
        let row = Row {
            file_id: file_id.to_owned(),
            chunk,
            start,
            end,
            text: String::new(),
        };
        found.push(Found { row, text });
    }
    Ok(())
}

/// Texts that are read by one call.
const MOST_TEXTS: usize = 1_024;

fn texts<'a>(lookups: &[Lookup<'a>], found: &[Found]) -> Vec<Piece<'a>> {
    let pairs = lookups.iter().zip(found);
    let piece = |(one, found): (&Lookup<'a>, &Found)| Piece {
        segment: one.segment,
        bytes: found.text.clone(),
    };
    pairs.map(piece).collect()
}

fn read_texts(
    objects: &dyn Objects,
    lookups: &[Lookup<'_>],
    found: &mut [Found],
) -> Result<(), SegmentError> {
    let texts = texts(lookups, found);
    let mut rest = lookups.iter().zip(found);
    for group in groups(&texts, MOST_TEXTS, Piece::length) {
        // The texts come first: `zip` would take one row too many before it finds no text.
        for (text, (one, found)) in read_pieces(objects, group)?.into_iter().zip(rest.by_ref()) {
            found.row.text = String::from_utf8(text).map_err(|_| not_utf8(one.segment))?;
        }
    }
    Ok(())
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
    let dimension = u64::from(segment.meta.dimension);
    for batch in &segment.batches {
        let live = live_within(live, &batch.rows());
        if live.is_empty() {
            continue;
        }
        let data = read_batch(objects, segment, batch)?;
        let head = Head::parse(segment, batch, &data)?;
        for row in live.into_iter().flatten() {
            let within = u64::from(row - batch.first);
            let Place {
                file_id,
                chunk,
                start,
                end,
                text,
            } = head.place(within)?;
            let text = std::str::from_utf8(head.bytes(&text).unwrap_or_default())
                .map_err(|_| not_utf8(segment))?;
            let at = batch.at.vector_of(within, dimension);
            floats_into(head.bytes(&at).unwrap_or_default(), &mut vector);
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

/// All of a batch but its codes.
fn read_batch(
    objects: &dyn Objects,
    segment: &Segment<'_>,
    batch: &Batch,
) -> Result<Vec<u8>, SegmentError> {
    let bytes = batch.message.start..batch.at.code;
    if bytes.end - bytes.start > MAX_BATCH_BYTES {
        return Err(segment.corrupt("a batch is larger than any that is written"));
    }
    let piece = Piece { segment, bytes };
    Ok(read_pieces(objects, &[piece])?.pop().unwrap_or_default())
}

/// File ids, numbers, texts and vectors of the largest batch, with room for padding.
const MAX_BATCH_BYTES: u64 = 5 << 20;

fn not_utf8(segment: &Segment<'_>) -> SegmentError {
    segment.corrupt("a text is not UTF-8")
}
