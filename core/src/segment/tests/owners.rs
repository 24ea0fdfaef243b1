//! Whose rows those of a segment are, as its own column of file ids tells.

use super::counting::Counting;
use super::*;
use crate::objects::{ObjectError, Objects};
use crate::segment::read::u32_at;
use crate::segment::{
    MAX_FILE_ID_BYTES, Method, Scope, Segment, SegmentError, each_row, open, read_rows, search_by,
    verify,
};

const DIMENSION: usize = 16;

/// The file of each live row, as merging it finds them.
fn owners(
    objects: &dyn Objects,
    segment: &Segment<'_>,
    live: &[Range<u32>],
) -> Result<Vec<String>, SegmentError> {
    let mut owners = Vec::new();
    each_row::<SegmentError>(objects, segment, live, |row| {
        owners.push(row.file_id.to_owned());
        Ok(())
    })?;
    Ok(owners)
}

#[test]
fn every_row_names_its_file_however_long_the_ids_are() {
    let ids: Vec<String> = (0..400)
        .map(|n| format!("f{n}-{}", "é".repeat(n % 100)))
        .chain(["x".repeat(MAX_FILE_ID_BYTES)])
        .collect();
    let files: Vec<(&str, usize)> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| (id.as_str(), 1 + n % 9))
        .collect();
    let rows: usize = files.iter().map(|file| file.1).sum();
    let objects = MemoryObjects::default();
    let written = write_all(
        &objects,
        spec("s", DIMENSION),
        &files,
        &clustered(40, rows, DIMENSION),
    );
    let expected: Vec<&str> = files
        .iter()
        .flat_map(|(id, rows)| std::iter::repeat_n(*id, *rows))
        .collect();
    let runs: Vec<(&str, usize)> = written
        .files
        .iter()
        .map(|run| (run.file_id.as_str(), run.rows as usize))
        .collect();
    assert_eq!(runs, files);
    let segments = open(&objects, &home(), &[&written.meta]).unwrap();
    assert!(segments[0].batches.len() > 1);
    let merged = owners(&objects, &segments[0], &all_rows(&written.meta)).unwrap();
    assert_eq!(merged, expected);
    let wanted: Vec<_> = (0..rows as u32).map(|row| (&segments[0], row)).collect();
    let found = read_rows(&objects, &wanted).unwrap();
    assert!(found.iter().map(|row| &row.file_id).eq(&expected));
}

#[test]
fn rows_of_many_batches_are_had_in_two_rounds_of_one_read_for_each_batch_and_text() {
    let counting = Counting::default();
    let metas: Vec<SegmentMeta> = (0..3)
        .map(|n| {
            let vectors = clustered(41 + n, 3_000, DIMENSION);
            let spec = spec(&format!("s{n}"), DIMENSION);
            write(&counting.objects, spec, &[("a", 3_000)], &vectors)
        })
        .collect();
    let metas: Vec<&SegmentMeta> = metas.iter().collect();
    let segments = open(&counting, &home(), &metas).unwrap();
    assert_eq!((counting.rounds.get(), counting.reads.get()), (1, 3));
    let wanted: Vec<(&Segment<'_>, u32)> = [5, 2_999, 6, 1_500]
        .into_iter()
        .flat_map(|row| segments.iter().map(move |segment| (segment, row)))
        .collect();
    read_rows(&counting, &wanted).unwrap();
    let batches_and_texts = 3 * 3 + 3 * 4;
    assert_eq!(
        (counting.rounds.get(), counting.reads.get()),
        (3, 3 + batches_and_texts)
    );
}

#[test]
fn a_segment_from_before_incarnations_is_searched_where_it_is() {
    let objects = MemoryObjects::default();
    let new = SegmentSpec {
        graph_min_rows: 1,
        ..spec("s", DIMENSION)
    };
    let vectors = clustered(42, 500, DIMENSION);
    let meta = write(&objects, new, &[("a", 300), ("b", 200)], &vectors);
    let legacy = SegmentMeta {
        legacy: true,
        ..meta.clone()
    };
    for (from, to) in meta.keys(&home()).iter().zip(legacy.keys(&home())) {
        objects.put(&to, &objects.get(from).unwrap()).unwrap();
        objects.delete(from).unwrap();
    }
    verify(&objects, &home(), &legacy).unwrap();
    let segments = open(&objects, &home(), &[&legacy]).unwrap();
    let scopes = [Scope {
        segment: &segments[0],
        live: all_rows(&legacy),
        found: None,
    }];
    for method in [Method::Scan, Method::Graph] {
        let asked = queries(&vectors[400..401]);
        let hits = search_by(&objects, &scopes, &asked, 1, method).unwrap();
        let row = &read_rows(&objects, &[(&segments[0], hits[0][0].row)]).unwrap()[0];
        assert_eq!((row.file_id.as_str(), row.chunk), ("b", 100));
    }
    assert_eq!(
        open(&objects, &home(), &[&meta]).err(),
        Some(SegmentError::Storage(ObjectError::NotFound))
    );
}

/// Where a segment of one batch has what tells whose rows they are.
struct Places {
    message: Range<usize>,
    offsets: usize,
    ids: usize,
}

/// The file of row 7 of 600, each of file `a` before `change`.
fn owner_after(change: impl FnOnce(&mut [u8], &Places)) -> Result<String, SegmentError> {
    const ROW: u32 = 7;
    let objects = MemoryObjects::default();
    let vectors = clustered(43, 600, DIMENSION);
    let meta = write(&objects, spec("s", DIMENSION), &[("a", 600)], &vectors);
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let message = &segments[0].batches[0].message;
    let message = message.start as usize..message.end as usize;
    // The first column begins the body: its offsets, and behind some padding its values.
    let offsets = message.end;
    let ids = offsets + (601_usize * 4).next_multiple_of(64);
    let key = meta.rows_key(&home());
    let mut data = objects.get(&key).unwrap();
    assert_eq!(u32_at(&data, offsets + 600 * 4), Some(600));
    assert_eq!(data[ids..ids + 600], [b'a'; 600]);
    let places = Places {
        message,
        offsets,
        ids,
    };
    change(&mut data, &places);
    objects.put(&key, &data).unwrap();
    // What is small was read when it was opened.
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let found = read_rows(&objects, &[(&segments[0], ROW)]).map(|rows| rows[0].file_id.clone());
    let live = ROW..ROW + 1;
    let merged = owners(&objects, &segments[0], std::slice::from_ref(&live));
    assert_eq!(found, merged.map(|owners| owners.concat()));
    found
}

/// As [`owner_after`], where the row's id ends at `end` of the ids.
fn owner_with_end(end: u32) -> Result<String, SegmentError> {
    owner_after(|data, places| {
        let at = places.offsets + 8 * 4;
        data[at..at + 4].copy_from_slice(&end.to_le_bytes());
    })
}

fn is_corrupt(outcome: &Result<String, SegmentError>) -> bool {
    matches!(outcome, Err(SegmentError::Corrupt { .. }))
}

#[test]
fn a_file_id_that_none_can_be_is_corrupt() {
    assert_eq!(owner_with_end(8), Ok("a".to_owned()));
    assert_eq!(owner_with_end(7 + 255), Ok("a".repeat(255)));
    assert!(is_corrupt(&owner_after(|data, places| {
        data[places.ids + 7] = 0xff;
    })));
    let [empty, backwards, too_long, beyond] = [7, 6, 7 + 256, 601];
    let far = [1 << 20, i32::MAX as u32, u32::MAX];
    for end in [empty, backwards, too_long, beyond].into_iter().chain(far) {
        assert!(is_corrupt(&owner_with_end(end)), "{end}");
    }
}

#[test]
fn a_message_that_was_changed_anywhere_never_panics() {
    let mut message = 0..0;
    let intact = owner_after(|_, places| message = places.message.clone());
    assert_eq!(intact, Ok("a".to_owned()));
    assert!((200..4_000).contains(&message.len()), "{message:?}");
    for at in message {
        for by in [0x01, 0x80, 0xff] {
            let outcome = owner_after(|data, _| data[at] ^= by);
            assert!(outcome.is_ok() || is_corrupt(&outcome), "{at} {outcome:?}");
        }
    }
}
