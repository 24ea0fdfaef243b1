//! Where an encoded leaf keeps its columns.

use arrow_ipc::root_as_message;

use super::schema::{Shape, buffers_of};

/// A column of a leaf: where it ends, counted from the leaf's body, and its checksum.
///
/// The first of a leaf is its head, the message that describes the body: its length and checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub end: u32,
    pub crc: u32,
}

/// Bytes of an encoded place.
pub(super) const PLACE_BYTES: usize = 8;

/// The head of a leaf and its columns, in order, out of its encoded record batch.
/// `None` when it is not encoded as expected.
pub(super) fn places_of(shape: &Shape, encoded: &[u8]) -> Option<Vec<Place>> {
    let length = encoded.get(4..8)?.try_into().ok().map(u32::from_le_bytes)?;
    let (head, body) = encoded.split_at_checked(8 + length as usize)?;
    let message = root_as_message(head.get(8..)?).ok()?;
    let buffers = message.header_as_record_batch()?.buffers()?;
    let mut places = vec![place(head.len(), head)?];
    let mut buffer = 0;
    let mut start = 0;
    for field in shape.schema.fields() {
        buffer += buffers_of(field.data_type());
        let end = if buffer < buffers.len() {
            usize::try_from(buffers.get(buffer).offset()).ok()?
        } else {
            body.len()
        };
        places.push(place(end, body.get(start..end)?)?);
        start = end;
    }
    (buffer == buffers.len()).then_some(places)
}

/// As they are stored.
pub(super) fn to_bytes(places: &[Place]) -> impl Iterator<Item = u8> {
    places.iter().flat_map(|place| {
        let [end, crc] = [place.end, place.crc].map(u32::to_le_bytes);
        end.into_iter().chain(crc)
    })
}

/// The places of one leaf, out of `bytes`, or of several.
pub(super) fn from_bytes(bytes: &[u8]) -> Vec<Place> {
    let (words, _) = bytes.as_chunks::<4>();
    let number = |word: &[u8; 4]| u32::from_le_bytes(*word);
    let (pairs, _) = words.as_chunks::<2>();
    pairs
        .iter()
        .map(|[end, crc]| Place {
            end: number(end),
            crc: number(crc),
        })
        .collect()
}

fn place(end: usize, bytes: &[u8]) -> Option<Place> {
    Some(Place {
        end: u32::try_from(end).ok()?,
        crc: crc32fast::hash(bytes),
    })
}
