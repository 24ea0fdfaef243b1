//! Opening a segment.

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
}

/// More than the tail of any segment: 100 bytes a batch.
const MAX_TAIL_BYTES: u32 = 4 << 20;

/// Opens segments of a store, in order, with one range read each and one of each base's list, many
/// at once.
///
/// Fails with [`SegmentError::Corrupt`] when a tail is not the one that `metas` describes.
pub fn open<'a>(
    objects: &dyn Objects,
    home: &Home,
    metas: &[&'a SegmentMeta],
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
        let tails = group.iter().zip(&keys).map(|(meta, key)| Wanted {
            key,
            bytes: meta.bytes - u64::from(meta.tail_bytes)..meta.bytes,
        });
        let wanted: Vec<Wanted<'_>> = tails.chain(lists.wanted()).collect();
        let mut tails = read_all(objects, &wanted)?;
        lists.take(tails.split_off(group.len()))?;
        for ((meta, key), tail) in group.iter().zip(keys).zip(tails) {
            if format!("{:x}", Sha256::digest(&tail)) != lists.tail_sha256(home, meta)? {
                return Err(SegmentError::corrupt(&key, "its tail has another checksum"));
            }
            segments.push(Segment::of_tail(home, meta, key, &tail)?);
        }
    }
    Ok(segments)
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

    pub(super) fn corrupt(&self, what: &str) -> SegmentError {
        SegmentError::corrupt(&self.key, what)
    }
}
