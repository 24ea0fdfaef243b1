//! Storage that looks through codes for itself.

use super::counting::Counting;
use super::*;
use crate::codes::DamagedCodes;
use crate::objects::Objects;
use crate::segment::{Hit, Scope, SegmentError, open, search};

const DIMENSION: usize = 24;

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

fn memory(objects: &MemoryObjects, looks: bool) -> Counting {
    Counting {
        objects: objects.clone(),
        looks,
        ..Counting::default()
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
    let queries = queries(&clustered(9, 3, DIMENSION));
    let (plain, looking) = (memory(&objects, false), memory(&objects, true));
    let expected = find(&plain, &metas, &queries).unwrap();
    assert!(expected.iter().all(|hits| hits.len() == 10));
    assert_eq!(find(&looking, &metas, &queries).unwrap(), expected);
    assert!(looking.bytes.get() + codes(&metas) <= plain.bytes.get());
}

#[test]
fn more_than_one_call_may_answer_is_read_and_looked_through_here() {
    let objects = MemoryObjects::default();
    let metas = two_segments(&objects);
    let queries = queries(&clustered(11, 300, DIMENSION));
    let (plain, looking) = (memory(&objects, false), memory(&objects, true));
    let expected = find(&plain, &metas, &queries).unwrap();
    assert_eq!(find(&looking, &metas, &queries).unwrap(), expected);
    assert_eq!(looking.bytes, plain.bytes);
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
    let queries = queries(&clustered(9, 1, DIMENSION));
    for looks in [false, true] {
        let error = find(&memory(&objects, looks), &metas, &queries).unwrap_err();
        let what = DamagedCodes.to_string();
        let key = key.clone();
        assert_eq!(error, SegmentError::Corrupt { key, what });
    }
}
