//! Bytes of segments, wherever they are: at hand, or in storage.

use std::ops::Range;

use super::SegmentError;
use super::open::Segment;
use crate::objects::ranges::{Wanted, read_all};
use crate::objects::{Objects, Part};

/// Some bytes of a segment.
#[derive(Clone)]
pub(super) struct Piece<'a> {
    pub segment: &'a Segment<'a>,
    pub bytes: Range<u64>,
}

impl Piece<'_> {
    pub(super) fn length(&self) -> u64 {
        self.bytes.end.saturating_sub(self.bytes.start)
    }
}

/// What [`read_pieces`] reads of these.
pub(super) fn reading(pieces: &[Piece<'_>]) -> Vec<Part> {
    away(pieces).map(|wanted| wanted.part()).collect()
}

/// What is not at hand.
fn away<'a>(pieces: &'a [Piece<'_>]) -> impl Iterator<Item = Wanted<'a>> {
    let away = pieces.iter();
    let away = away.filter(|piece| piece.segment.at_hand(&piece.bytes).is_none());
    away.map(|piece| Wanted {
        key: &piece.segment.key,
        bytes: piece.bytes.clone(),
    })
}

/// The pieces, in order, each as long as wanted: by one call for all that is not at hand.
pub(super) fn read_pieces(
    objects: &dyn Objects,
    pieces: &[Piece<'_>],
) -> Result<Vec<Vec<u8>>, SegmentError> {
    let mut found: Vec<Option<Vec<u8>>> = pieces
        .iter()
        .map(|piece| piece.segment.at_hand(&piece.bytes).map(<[u8]>::to_vec))
        .collect();
    let wanted: Vec<Wanted<'_>> = away(pieces).collect();
    let mut read = read_all(objects, &wanted)?.into_iter();
    for data in found.iter_mut().filter(|data| data.is_none()) {
        *data = read.next();
    }
    Ok(found.into_iter().map(Option::unwrap_or_default).collect())
}
