//! Opening a segment.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::SegmentError;
use super::listing::Lists;
use super::meta::SegmentMeta;
use super::read::groups;
use super::tail::{Batch, batches};
use crate::home::Home;
use crate::objects::Objects;
use crate::objects::ranges::{Wanted, read_all};

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

/// As [`open`], with so much room for small ones.
pub(super) fn open_holding<'a>(
    objects: &dyn Objects,
    home: &Home,
    metas: &[&'a SegmentMeta],
    mut room: u64,
) -> Result<Vec<Segment<'a>>, SegmentError> {
    const MOST_AT_ONCE: usize = 256;
    let mut segments = Vec::with_capacity(metas.len());
    for group in groups(metas, MOST_AT_ONCE, |meta| u64::from(meta.tail_bytes)) {
        let keys: Vec<String> = group.iter().map(|meta| meta.rows_key(home)).collect();
        for (meta, key) in group.iter().zip(&keys) {
            meta.check(key)?;
            if meta.tail_bytes > MAX_TAIL_BYTES {
                return Err(SegmentError::corrupt(key, "its tail cannot be so long"));
            }
        }
        let mut lists = Lists::of(home, group)?;
        let whole: Vec<bool> = group.iter().map(|meta| fits(meta, &mut room)).collect();
        let ends = group
            .iter()
            .zip(&keys)
            .zip(&whole)
            .map(|((meta, key), whole)| Wanted {
                key,
                bytes: match whole {
                    true => 0..meta.bytes,
                    false => meta.bytes - u64::from(meta.tail_bytes)..meta.bytes,
                },
            });
        let wanted: Vec<Wanted<'_>> = ends.chain(lists.wanted()).collect();
        let mut ends = read_all(objects, &wanted)?;
        lists.take(ends.split_off(group.len()))?;
        for (((meta, key), end), whole) in group.iter().zip(keys).zip(ends).zip(whole) {
            let tail = end.len().saturating_sub(meta.tail_bytes as usize);
            let tail = end.get(tail..).unwrap_or_default();
            if format!("{:x}", Sha256::digest(tail)) != lists.tail_sha256(home, meta)? {
                return Err(SegmentError::corrupt(&key, "its tail has another checksum"));
            }
            let mut segment = Segment::of_tail(home, meta, key, tail)?;
            segment.whole = whole.then_some(end);
            segments.push(segment);
        }
    }
    Ok(segments)
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
