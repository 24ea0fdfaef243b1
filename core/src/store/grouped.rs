//! How a manifest writes its segments: the consecutive ones of a base together, as what tells them
//! apart is little, and any other by itself.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reference::{DeadRef, SegmentRef};
use crate::segment::{BasePlace, ListRef, SegmentMeta};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Group(Group),
    One(Box<SegmentRef>),
}

/// Segments of a base, whose numbers and first rows go on from one to the next.
#[derive(Serialize, Deserialize)]
struct Group {
    base: String,
    list: ListRef,
    dimension: u32,
    born: u64,
    /// What their ids begin with; their number follows.
    prefix: String,
    /// The number of the first, and its first row.
    number: u32,
    first_row: u64,
    /// Of each: rows, bytes, and those of its tail.
    each: Vec<(u32, u64, u32)>,
    /// By their place in `each`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dead: Vec<(u32, String, u32)>,
}

/// More than any name or checksum has.
const MOST_BYTES: usize = 128;

impl Group {
    /// Whether what each segment repeats is as short as it is: nothing is allocated on its word.
    fn is_modest(&self) -> bool {
        let repeated = [&self.base, &self.prefix, &self.list.sha256];
        repeated.iter().all(|text| text.len() <= MOST_BYTES)
    }

    /// With one segment; `None` of one that is none of a base's, or not as those are.
    fn of(segment: &SegmentRef) -> Option<Self> {
        let meta = &segment.meta;
        let place = meta.base.as_ref()?;
        let (number, list) = (place.number, place.list.clone()?);
        let is_plain = meta.graph.is_none()
            && !meta.legacy
            && meta.tail_sha256.is_empty()
            && meta.sha256.is_empty();
        let prefix = meta.id.strip_suffix(&suffix(number))?;
        is_plain.then(|| Self {
            base: place.id.clone(),
            list,
            dimension: meta.dimension,
            born: segment.born,
            prefix: prefix.to_owned(),
            number,
            first_row: place.first_row,
            each: Vec::new(),
            dead: Vec::new(),
        })
    }

    fn is_next(&self, segment: &SegmentRef) -> bool {
        let rows: u64 = self.each.iter().map(|(rows, ..)| u64::from(*rows)).sum();
        Self::of(segment).is_some_and(|other| {
            other.base == self.base
                && other.list == self.list
                && other.dimension == self.dimension
                && other.born == self.born
                && other.prefix == self.prefix
                && Some(other.number) == self.number.checked_add(self.each.len() as u32)
                && Some(other.first_row) == self.first_row.checked_add(rows)
        })
    }

    fn push(&mut self, segment: &SegmentRef) {
        let meta = &segment.meta;
        if let Some(dead) = &segment.dead {
            let place = self.each.len() as u32;
            self.dead.push((place, dead.id.clone(), dead.rows));
        }
        self.each.push((meta.rows, meta.bytes, meta.tail_bytes));
    }

    fn segments(self) -> impl Iterator<Item = SegmentRef> {
        let mut first_row = self.first_row;
        (0..).zip(self.each).map(move |(at, each)| {
            let (rows, bytes, tail_bytes) = each;
            let number = self.number.saturating_add(at);
            let place = BasePlace {
                id: self.base.clone(),
                number,
                first_row,
                list: Some(self.list.clone()),
            };
            first_row = first_row.saturating_add(rows.into());
            let dead = self.dead.iter().find(|(place, ..)| *place == at);
            SegmentRef {
                meta: SegmentMeta {
                    id: self.prefix.clone() + &suffix(number),
                    rows,
                    bytes,
                    dimension: self.dimension,
                    tail_bytes,
                    tail_sha256: String::new(),
                    sha256: String::new(),
                    graph: None,
                    base: Some(place),
                    legacy: false,
                },
                born: self.born,
                dead: dead.map(|(_, id, rows)| DeadRef {
                    id: id.clone(),
                    rows: *rows,
                }),
                known_dead: None,
            }
        })
    }
}

fn suffix(number: u32) -> String {
    format!("-{number:05}")
}

pub(super) fn serialize<S: Serializer>(
    segments: &[SegmentRef],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut stored: Vec<Stored> = Vec::new();
    for segment in segments {
        if let Some(Stored::Group(group)) = stored.last_mut()
            && group.is_next(segment)
        {
            group.push(segment);
            continue;
        }
        stored.push(match Group::of(segment) {
            None => Stored::One(Box::new(segment.clone())),
            Some(mut group) => {
                group.push(segment);
                Stored::Group(group)
            }
        });
    }
    stored.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SegmentRef>, D::Error> {
    let mut segments = Vec::new();
    for stored in Vec::<Stored>::deserialize(deserializer)? {
        match stored {
            Stored::Group(group) if !group.is_modest() => {
                return Err(D::Error::custom(
                    "segments with names that cannot be so long",
                ));
            }
            Stored::Group(group) => segments.extend(group.segments()),
            Stored::One(segment) => segments.push(*segment),
        }
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Held(#[serde(with = "super")] Vec<SegmentRef>);

    fn segment(number: u32) -> SegmentRef {
        let place = BasePlace {
            id: "b".to_owned(),
            number,
            first_row: u64::from(number) * 9,
            list: Some(ListRef {
                bytes: 9,
                sha256: "s".to_owned(),
            }),
        };
        let meta = SegmentMeta {
            id: format!("rows-b-{number:05}"),
            rows: 9,
            bytes: 1_000 + u64::from(number),
            dimension: 4,
            tail_bytes: 10,
            tail_sha256: String::new(),
            sha256: String::new(),
            graph: None,
            base: Some(place),
            legacy: false,
        };
        SegmentRef::new(meta, 3)
    }

    fn uploaded() -> SegmentRef {
        let mut segment = segment(0);
        segment.meta.base = None;
        segment.meta.sha256 = "whole".to_owned();
        segment
    }

    fn again(segments: &[SegmentRef]) -> (usize, Vec<SegmentRef>) {
        let stored = serde_json::to_vec(&Held(segments.to_vec())).unwrap();
        let Held(read) = serde_json::from_slice(&stored).unwrap();
        (stored.len(), read)
    }

    #[test]
    fn segments_are_read_as_they_were_written() {
        let mut dead = segment(2);
        dead.dead = Some(DeadRef {
            id: "d".to_owned(),
            rows: 4,
        });
        let mut old = segment(3);
        old.meta.base.as_mut().unwrap().list = None;
        let mut elsewhere = segment(6);
        elsewhere.meta.base.as_mut().unwrap().first_row = 1;
        let mut newer = segment(7);
        newer.born = 4;
        // Of a base whose segment 1 is gone.
        let all = [
            uploaded(),
            segment(0),
            dead,
            old,
            segment(4),
            segment(5),
            elsewhere,
            newer,
            uploaded(),
        ];
        assert_eq!(again(&all).1, all);
        assert_eq!(again(&[]).1, []);
    }

    #[test]
    fn a_segment_of_a_base_takes_little() {
        let of = |count| (0..count).map(segment).collect::<Vec<_>>();
        let (one, many) = (again(&of(1)).0, again(&of(48)).0);
        assert!((many - one) / 47 <= 12, "{one} {many}");
    }
}
