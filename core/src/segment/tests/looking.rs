//! Storage that looks through codes for itself.

use std::cell::Cell;

use super::*;
use crate::codes::{Candidate, CodeSpan, CodedQuery, DamagedCodes, Nearest};
use crate::objects::{NearestError, ObjectError, ObjectMeta, ObjectWriter, Objects, Part};
use crate::segment::{Hit, Scope, SegmentError, open, search};

const DIMENSION: usize = 24;

/// Memory that counts the bytes that are read of it, and may look for itself.
struct Looking {
    objects: MemoryObjects,
    looks: bool,
    read: Cell<usize>,
}

impl Objects for Looking {
    fn nearest(
        &self,
        spans: &[CodeSpan],
        queries: &[CodedQuery],
        limit: usize,
    ) -> Option<Result<Vec<Vec<Candidate>>, NearestError>> {
        if !self.looks {
            return None;
        }
        let mut nearest = Nearest::new(queries, limit);
        for (number, span) in (0..).zip(spans) {
            let read = self.objects.get_range(&span.key, span.bytes.clone());
            let looked = read.map_err(NearestError::from).and_then(|data| {
                let looked = nearest.look_through(number, span, &data);
                looked.map_err(|_| NearestError::Damaged(number))
            });
            if let Err(error) = looked {
                return Some(Err(error));
            }
        }
        Some(Ok(nearest.into_sorted()))
    }

    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        let answers = self.objects.get_many(parts);
        let bytes: usize = answers.iter().flatten().map(Vec::len).sum();
        self.read.set(self.read.get() + bytes);
        answers
    }

    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.objects.get(key)
    }

    fn get_range(&self, _: &str, _: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        unimplemented!()
    }

    fn head(&self, _: &str) -> Result<ObjectMeta, ObjectError> {
        unimplemented!()
    }

    fn put(&self, _: &str, _: &[u8]) -> Result<(), ObjectError> {
        unimplemented!()
    }

    fn put_new(&self, _: &str, _: &[u8]) -> Result<(), ObjectError> {
        unimplemented!()
    }

    fn list(&self, _: &str, _: Option<&str>, _: u32) -> Result<Vec<ObjectMeta>, ObjectError> {
        unimplemented!()
    }

    fn folders(&self, _: &str) -> Result<Vec<String>, ObjectError> {
        unimplemented!()
    }

    fn delete(&self, _: &str) -> Result<(), ObjectError> {
        unimplemented!()
    }

    fn create(&self, _: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        unimplemented!()
    }
}

fn queries(seed: u64, count: usize) -> Vec<Query> {
    let vectors = clustered(seed, count, DIMENSION);
    vectors.iter().map(|one| Query::new(one).unwrap()).collect()
}

fn find(
    objects: &dyn Objects,
    metas: &[(SegmentMeta, Vec<Range<u32>>)],
    queries: &[Query],
) -> Result<Vec<Vec<Hit>>, SegmentError> {
    let all: Vec<&SegmentMeta> = metas.iter().map(|(meta, _)| meta).collect();
    let segments = open(objects, &home(), &all)?;
    let scopes: Vec<Scope<'_>> = segments
        .iter()
        .zip(metas)
        .map(|(segment, (_, live))| Scope {
            segment,
            live: live.clone(),
            found: None,
        })
        .collect();
    search(objects, &scopes, queries, 10)
}

fn memory(objects: &MemoryObjects, looks: bool) -> Looking {
    Looking {
        objects: objects.clone(),
        looks,
        read: Cell::default(),
    }
}

/// Bytes of the codes of the live rows.
fn codes(metas: &[(SegmentMeta, Vec<Range<u32>>)]) -> usize {
    let live = metas.iter().flat_map(|(_, live)| live);
    live.map(|range| range.len() * DIMENSION).sum()
}

/// Two segments of several batches, of which some rows are dead; the first rows of one among them.
fn two_segments(objects: &MemoryObjects) -> Vec<(SegmentMeta, Vec<Range<u32>>)> {
    let files = [("a", 700), ("b", 900), ("c", 1_000)];
    let lives = [
        live_rows(&files, |file| file != 0),
        live_rows(&files, |file| file != 1),
    ];
    let written = ["s1", "s2"].map(|id| {
        let vectors = clustered(id.len() as u64, 2_600, DIMENSION);
        write(objects, spec(id, DIMENSION), &files, &vectors)
    });
    written.into_iter().zip(lives).collect()
}

#[test]
fn storage_that_looks_for_itself_finds_the_same_and_hands_out_no_codes() {
    let objects = MemoryObjects::default();
    let metas = two_segments(&objects);
    let queries = queries(9, 3);
    let (plain, looking) = (memory(&objects, false), memory(&objects, true));
    let expected = find(&plain, &metas, &queries).unwrap();
    assert!(expected.iter().all(|hits| hits.len() == 10));
    assert_eq!(find(&looking, &metas, &queries).unwrap(), expected);
    assert!(looking.read.get() + codes(&metas) <= plain.read.get());
}

#[test]
fn more_than_one_call_may_answer_is_read_and_looked_through_here() {
    let objects = MemoryObjects::default();
    let metas = two_segments(&objects);
    let queries = queries(11, 300);
    let (plain, looking) = (memory(&objects, false), memory(&objects, true));
    let expected = find(&plain, &metas, &queries).unwrap();
    assert_eq!(find(&looking, &metas, &queries).unwrap(), expected);
    assert_eq!(looking.read, plain.read);
}

#[test]
fn a_damaged_scale_names_its_segment_wherever_it_is_found() {
    let objects = MemoryObjects::default();
    let metas = two_segments(&objects);
    let key = metas[1].0.rows_key(&home());
    let mut data = objects.get(&key).unwrap();
    // Whatever is a small number is a scale or a component of a vector: codes are what is left.
    for word in data.as_chunks_mut::<4>().0 {
        let number = f32::from_le_bytes(*word);
        if (0.001..0.01).contains(&number) {
            *word = f32::NAN.to_le_bytes();
        }
    }
    objects.put(&key, &data).unwrap();
    let queries = queries(9, 1);
    for looks in [false, true] {
        let error = find(&memory(&objects, looks), &metas, &queries).unwrap_err();
        let what = DamagedCodes.to_string();
        let key = key.clone();
        assert_eq!(error, SegmentError::Corrupt { key, what });
    }
}
