//! The list of a base's segments, which holds their checksums: a manifest says it once for all of
//! them, so that it stays small however many there are.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::SegmentError;
use super::meta::{ListRef, SegmentMeta};
use crate::home::Home;
use crate::objects::Objects;
use crate::objects::ranges::{Wanted, read_all};

/// What a list says of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Listed {
    number: u32,
    rows: u32,
    bytes: u64,
    pub tail_sha256: String,
    pub sha256: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct List {
    segments: Vec<Listed>,
}

/// Writes the list of a base's segments, and has each of them name it in the place of its own
/// checksums. Its key is [`Home::base_list`].
pub fn write_list(
    objects: &dyn Objects,
    home: &Home,
    base: &str,
    segments: &mut [SegmentMeta],
) -> Result<(), SegmentError> {
    let mut list = List::default();
    for meta in segments.iter_mut() {
        let Some(place) = &meta.base else {
            let what = format!("{} is none of a base's segments", meta.id);
            return Err(SegmentError::Invalid(what));
        };
        list.segments.push(Listed {
            number: place.number,
            rows: meta.rows,
            bytes: meta.bytes,
            tail_sha256: std::mem::take(&mut meta.tail_sha256),
            sha256: std::mem::take(&mut meta.sha256),
        });
    }
    let data = serde_json::to_vec(&list).map_err(|fault| SegmentError::Build(fault.to_string()))?;
    objects.put(&home.base_list(base), &data)?;
    let reference = ListRef {
        bytes: data.len() as u64,
        sha256: format!("{:x}", Sha256::digest(&data)),
    };
    for place in segments.iter_mut().filter_map(|meta| meta.base.as_mut()) {
        place.list = Some(reference.clone());
    }
    Ok(())
}

/// More than any list has: 300 bytes of each segment.
const MAX_LIST_BYTES: u64 = 4 << 20;

/// The lists that some segments name, each once.
pub(super) struct Lists<'a> {
    named: Vec<(String, &'a ListRef)>,
    read: Vec<List>,
}

impl<'a> Lists<'a> {
    pub(super) fn of(home: &Home, metas: &[&'a SegmentMeta]) -> Result<Self, SegmentError> {
        let mut named: Vec<(String, &ListRef)> = Vec::new();
        for place in metas.iter().filter_map(|meta| meta.base.as_ref()) {
            let Some(list) = &place.list else { continue };
            let key = home.base_list(&place.id);
            if list.bytes > MAX_LIST_BYTES {
                return Err(SegmentError::corrupt(&key, "it cannot be so long"));
            }
            if !named.iter().any(|(known, _)| *known == key) {
                named.push((key, list));
            }
        }
        Ok(Self {
            named,
            read: Vec::new(),
        })
    }

    /// What has to be read.
    pub(super) fn wanted(&self) -> impl Iterator<Item = Wanted<'_>> {
        self.named.iter().map(|(key, list)| Wanted {
            key,
            bytes: 0..list.bytes,
        })
    }

    /// Takes in what was read, in the order in which it was wanted.
    pub(super) fn take(&mut self, read: Vec<Vec<u8>>) -> Result<(), SegmentError> {
        for ((key, list), data) in self.named.iter().zip(read) {
            if format!("{:x}", Sha256::digest(&data)) != list.sha256 {
                return Err(SegmentError::corrupt(key, "it has another checksum"));
            }
            let parsed = serde_json::from_slice(&data);
            let list = parsed.map_err(|_| SegmentError::corrupt(key, "it does not parse"))?;
            self.read.push(list);
        }
        Ok(())
    }

    /// What its list says of a segment; `None` where it names none.
    fn find(&self, home: &Home, meta: &SegmentMeta) -> Result<Option<&Listed>, SegmentError> {
        let Some(place) = meta.base.as_ref().filter(|place| place.list.is_some()) else {
            return Ok(None);
        };
        let key = home.base_list(&place.id);
        let mut lists = self.named.iter().zip(&self.read);
        let own = lists.find(|((known, _), _)| *known == key);
        let fits = |listed: &&Listed| {
            (listed.number, listed.rows, listed.bytes) == (place.number, meta.rows, meta.bytes)
        };
        match own.and_then(|(_, list)| list.segments.iter().find(fits)) {
            Some(listed) => Ok(Some(listed)),
            None => Err(SegmentError::corrupt(&key, "it does not list a segment")),
        }
    }

    /// The SHA-256 of a segment's tail, in hexadecimal.
    pub(super) fn tail_sha256<'b>(
        &'b self,
        home: &Home,
        meta: &'b SegmentMeta,
    ) -> Result<&'b str, SegmentError> {
        let listed = self.find(home, meta)?;
        Ok(listed.map_or(&meta.tail_sha256, |listed| &listed.tail_sha256))
    }
}

/// The SHA-256 of the whole of a segment's Arrow file, in hexadecimal.
pub(super) fn sha256(
    objects: &dyn Objects,
    home: &Home,
    meta: &SegmentMeta,
) -> Result<String, SegmentError> {
    let mut lists = Lists::of(home, &[meta])?;
    let wanted: Vec<Wanted<'_>> = lists.wanted().collect();
    let read = read_all(objects, &wanted)?;
    lists.take(read)?;
    let listed = lists.find(home, meta)?;
    Ok(listed.map_or(&meta.sha256, |listed| &listed.sha256).clone())
}
