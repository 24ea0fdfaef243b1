//! The graph's file: a header of 64 bytes, then nodes of one size, all little-endian.
//!
//! ```text
//! header   magic "DAYFHNSW", version u32, dimension u32, nodes u32, degree u32, node bytes u32, 0…
//! node     row u32, scale f32, neighbours [u32; degree], code [i8; dimension], 0… to 4 bytes
//! ```
//!
//! A neighbour is a node's number; [`NONE`] ends a list that is not full.

use std::ops::Range;

use super::DEGREE;
use crate::segment::read::u32_at;
use crate::segment::{SegmentError, SegmentMeta};

const MAGIC: &[u8; 8] = b"DAYFHNSW";
const VERSION: u32 = 1;

/// No neighbour.
pub(super) const NONE: u32 = u32::MAX;

pub(super) const HEADER_BYTES: u64 = 64;
const LISTS_AT: usize = 8;
const CODE_AT: usize = LISTS_AT + DEGREE * 4;

/// Bytes of a node.
pub(super) fn node_bytes(dimension: u32) -> u32 {
    CODE_AT as u32 + dimension.next_multiple_of(4)
}

/// Where nodes lie in the file.
pub(super) fn nodes_at(nodes: Range<u32>, dimension: u32) -> Range<u64> {
    let at = |node: u32| HEADER_BYTES + u64::from(node) * u64::from(node_bytes(dimension));
    at(nodes.start)..at(nodes.end)
}

pub(super) fn header(dimension: u32, nodes: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for number in [
        VERSION,
        dimension,
        nodes,
        DEGREE as u32,
        node_bytes(dimension),
    ] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.resize(HEADER_BYTES as usize, 0);
    bytes
}

/// Refuses a file that is not the graph of `meta`'s rows.
pub(super) fn check_header(
    bytes: &[u8],
    meta: &SegmentMeta,
    key: &str,
) -> Result<(), SegmentError> {
    let expected = header(meta.dimension, meta.rows);
    if bytes == expected {
        return Ok(());
    }
    if bytes.get(..MAGIC.len()) == Some(MAGIC) && u32_at(bytes, 8).is_some_and(|v| v > VERSION) {
        return Err(SegmentError::corrupt(
            key,
            "a newer program wrote it; upgrade this one",
        ));
    }
    Err(SegmentError::corrupt(
        key,
        "its header is not that of this segment's graph",
    ))
}

/// Appends a node with the first [`DEGREE`] of at least as many `neighbours`.
pub(super) fn put_node(bytes: &mut Vec<u8>, row: u32, scale: f32, neighbours: &[u32], code: &[u8]) {
    let start = bytes.len();
    bytes.extend(row.to_le_bytes());
    bytes.extend(scale.to_le_bytes());
    for neighbour in neighbours.iter().take(DEGREE) {
        bytes.extend(neighbour.to_le_bytes());
    }
    bytes.extend_from_slice(code);
    bytes.resize(start + node_bytes(code.len() as u32) as usize, 0);
}

/// A node as it lies in a read.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub row: u32,
    pub scale: f32,
    pub code: &'a [u8],
    neighbours: &'a [u8],
}

impl<'a> Node<'a> {
    /// `None` when `bytes` are too few.
    pub(super) fn parse(bytes: &'a [u8], dimension: u32) -> Option<Self> {
        Some(Self {
            row: u32_at(bytes, 0)?,
            scale: f32::from_bits(u32_at(bytes, 4)?),
            neighbours: bytes.get(LISTS_AT..CODE_AT)?,
            code: bytes.get(CODE_AT..CODE_AT + dimension as usize)?,
        })
    }

    /// The numbers of its neighbours, nearest first.
    pub(super) fn neighbours(&self) -> impl Iterator<Item = u32> + 'a {
        let (words, _) = self.neighbours.as_chunks::<4>();
        words
            .iter()
            .map(|word| u32::from_le_bytes(*word))
            .take_while(|&node| node != NONE)
    }
}
