//! Opening a segment.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::SegmentError;
use super::listing::Lists;
use super::meta::SegmentMeta;
use super::read::groups;
use super::tail::{Batch, batches};
use crate::home::Home;
use crate::objects::ranges::{Wanted, read_all};
use crate::objects::{Objects, Part};

/// A segment whose tail was read and checked: ready to be searched.
#[derive(Debug)]
pub struct Segment<'a> {
    pub(super) meta: &'a SegmentMeta,
    pub(super) key: String,
    pub(super) graph_key: String,
    pub(super) batches: Vec<Batch>,
    /// All of it, where it is small and was read with its tail.
    whole: Option<Vec<u8>>,
}

/// More than the tail of any segment: 100 bytes a batch.
const MAX_TAIL_BYTES: u32 = 4 << 20;

/// A segment of no more bytes is read whole when it is opened: what is wanted of it later is a round of reads
/// each, which costs more, over a network above all.
const SMALL_BYTES: u64 = 256 << 10;
/// Of all segments that are opened together.
const MOST_WHOLE_BYTES: u64 = 1 << 20;

/// Opens segments of a store, in order, with one range read each and one of each base's list, many
/// at once. Holds up to 1 MiB of small ones.
///
/// Fails with [`SegmentError::Corrupt`] when a tail is not the one that `metas` describes.
pub fn open<'a>(
    objects: &dyn Objects,
    home: &Home,
    metas: &[&'a SegmentMeta],
) -> Result<Vec<Segment<'a>>, SegmentError> {
    open_holding(objects, home, metas, MOST_WHOLE_BYTES)
}

/// What [`open`] reads of these segments, or first of them where they are many: for who reads it together
/// with something else.
///
/// Fails as [`open`] does, where something is wrong already.
pub fn opening(home: &Home, metas: &[&SegmentMeta]) -> Result<Vec<Part>, SegmentError> {
    let mut room = MOST_WHOLE_BYTES;
    let Some(group) = together(metas).next() else {
        return Ok(Vec::new());
    };
    let opening = Opening::of(home, group, &mut room)?;
    Ok(opening.wanted().iter().map(Wanted::part).collect())
}

/// As [`open`], with so much room for small ones.
pub(super) fn open_holding<'a>(
    objects: &dyn Objects,
    home: &Home,
    metas: &[&'a SegmentMeta],
    mut room: u64,
) -> Result<Vec<Segment<'a>>, SegmentError> {
    let mut segments = Vec::with_capacity(metas.len());
    for group in together(metas) {
        let opening = Opening::of(home, group, &mut room)?;
        let read = read_all(objects, &opening.wanted())?;
        segments.extend(opening.open(home, read)?);
    }
    Ok(segments)
}

/// Segments that are opened by one call.
fn together<'a, 'b>(metas: &'b [&'a SegmentMeta]) -> impl Iterator<Item = &'b [&'a SegmentMeta]> {
    const MOST_AT_ONCE: usize = 256;
    groups(metas, MOST_AT_ONCE, |meta| u64::from(meta.tail_bytes))
}

/// Segments that are being opened, and what has to be read for it.
struct Opening<'a, 'b> {
    metas: &'b [&'a SegmentMeta],
    keys: Vec<String>,
    /// Which are read whole.
    whole: Vec<bool>,
    lists: Lists<'a>,
}

impl<'a, 'b> Opening<'a, 'b> {
    fn of(home: &Home, metas: &'b [&'a SegmentMeta], room: &mut u64) -> Result<Self, SegmentError> {
        let keys: Vec<String> = metas.iter().map(|meta| meta.rows_key(home)).collect();
        for (meta, key) in metas.iter().zip(&keys) {
            meta.check(key)?;
            if meta.tail_bytes > MAX_TAIL_BYTES {
                return Err(SegmentError::corrupt(key, "its tail cannot be so long"));
            }
        }
        Ok(Self {
            metas,
            keys,
            whole: metas.iter().map(|meta| fits(meta, room)).collect(),
            lists: Lists::of(home, metas)?,
        })
    }

    fn wanted(&self) -> Vec<Wanted<'_>> {
        let segments = self.metas.iter().zip(&self.keys).zip(&self.whole);
        let ends = segments.map(|((meta, key), whole)| Wanted {
            key,
            bytes: match whole {
                true => 0..meta.bytes,
                false => meta.bytes - u64::from(meta.tail_bytes)..meta.bytes,
            },
        });
        ends.chain(self.lists.wanted()).collect()
    }

    /// Takes what was read, in the order in which it was wanted.
    fn open(
        mut self,
        home: &Home,
        mut ends: Vec<Vec<u8>>,
    ) -> Result<Vec<Segment<'a>>, SegmentError> {
        let lists = ends.split_off(self.metas.len().min(ends.len()));
        self.lists.take(lists)?;
        let mut segments = Vec::with_capacity(self.metas.len());
        for (((meta, key), end), whole) in
            self.metas.iter().zip(self.keys).zip(ends).zip(self.whole)
        {
            let tail = end.len().saturating_sub(meta.tail_bytes as usize);
            let tail = end.get(tail..).unwrap_or_default();
            if format!("{:x}", Sha256::digest(tail)) != self.lists.tail_sha256(home, meta)? {
                return Err(SegmentError::corrupt(&key, "its tail has another checksum"));
            }
            let mut segment = Segment::of_tail(home, meta, key, tail)?;
            segment.whole = whole.then_some(end);
            segments.push(segment);
        }
        Ok(segments)
    }
}

/// Whether a segment is small and finds room; then there is less for the next.
fn fits(meta: &SegmentMeta, room: &mut u64) -> bool {
    let left = room.checked_sub(meta.bytes);
    let left = left.filter(|_| meta.bytes <= SMALL_BYTES);
    *room = left.unwrap_or(*room);
    left.is_some()
}

impl<'a> Segment<'a> {
    fn of_tail(
        home: &Home,
        meta: &'a SegmentMeta,
        key: String,
        tail: &[u8],
    ) -> Result<Self, SegmentError> {
        Ok(Self {
            meta,
            graph_key: meta.graph_key(home),
            batches: batches(tail, meta, &key)?,
            key,
            whole: None,
        })
    }

    /// What the manifest says of it.
    pub fn meta(&self) -> &'a SegmentMeta {
        self.meta
    }

    /// The batch that holds `row`, and the row's place in it.
    pub(super) fn find(&self, row: u32) -> Option<(&Batch, u64)> {
        let after = self.batches.partition_point(|batch| batch.first <= row);
        let batch = self.batches.get(after.checked_sub(1)?)?;
        let within = u64::from(row - batch.first);
        (within < batch.at.rows).then_some((batch, within))
    }

    /// Those bytes of it, where they were read when it was opened.
    pub(super) fn at_hand(&self, bytes: &Range<u64>) -> Option<&[u8]> {
        let (start, end) = (usize::try_from(bytes.start), usize::try_from(bytes.end));
        self.whole.as_ref()?.get(start.ok()?..end.ok()?)
    }

    pub(super) fn corrupt(&self, what: &str) -> SegmentError {
        SegmentError::corrupt(&self.key, what)
    }
}
