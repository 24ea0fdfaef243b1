use std::io::Cursor;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int8Type, UInt32Type, UInt64Type};
use arrow_ipc::reader::FileReader;
use sha2::{Digest, Sha256};

use super::*;
use crate::objects::Objects;
use crate::segment::{
    MAX_FILE_ID_BYTES, MAX_TEXT_BYTES, Row, SegmentError, each_row, max_rows, open, read_rows,
    verify,
};

const DIMENSION: usize = 24;

#[test]
fn any_arrow_reader_opens_a_segment_and_finds_its_columns() {
    let objects = MemoryObjects::default();
    let vectors = clustered(1, 2_500, DIMENSION);
    let meta = write(
        &objects,
        spec("s", DIMENSION),
        &[("file-a", 1_500), ("file-b", 1_000)],
        &vectors,
    );
    let data = objects.get(&meta.rows_key(&home())).unwrap();
    assert_eq!(meta.bytes, data.len() as u64);
    assert_eq!(meta.sha256, format!("{:x}", Sha256::digest(&data)));
    let reader = FileReader::try_new(Cursor::new(data), None).unwrap();
    let schema = reader.schema();
    let names: Vec<&str> = schema
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    assert_eq!(
        names,
        [
            "file_id", "chunk", "start", "end", "text", "vector", "code", "scale"
        ]
    );
    for (key, value) in [
        ("dayfly.format_version", "1"),
        ("dayfly.model", "test-model"),
        ("dayfly.dimension", "24"),
        ("dayfly.metric", "cosine"),
    ] {
        assert_eq!(schema.metadata().get(key).map(String::as_str), Some(value));
    }
    let mut row = 0;
    for batch in reader {
        let batch = batch.unwrap();
        assert!(batch.num_rows() <= 1_024);
        for at in 0..batch.num_rows() {
            let (file_id, chunk) = if row < 1_500 {
                ("file-a", row)
            } else {
                ("file-b", row - 1_500)
            };
            assert_eq!(batch.column(0).as_string::<i32>().value(at), file_id);
            assert_eq!(
                batch.column(1).as_primitive::<UInt32Type>().value(at),
                chunk as u32
            );
            assert_eq!(
                batch.column(2).as_primitive::<UInt64Type>().value(at),
                chunk as u64 * 100
            );
            assert_eq!(
                batch.column(3).as_primitive::<UInt64Type>().value(at),
                chunk as u64 * 100 + 150
            );
            assert_eq!(batch.column(4).as_string::<i32>().value(at), text_of(row));
            let vector = batch.column(5).as_fixed_size_list().value(at);
            let vector = vector.as_primitive::<Float32Type>().values();
            assert!((cosine(vector, &vectors[row]) - 1.0).abs() < 1e-6);
            assert!((cosine(vector, vector) - 1.0).abs() < 1e-6);
            let code = batch.column(6).as_fixed_size_list().value(at);
            let code = code.as_primitive::<Int8Type>().values();
            let scale = batch.column(7).as_primitive::<Float32Type>().value(at);
            for (component, code) in vector.iter().zip(code) {
                assert!((component - f32::from(*code) * scale).abs() <= scale * 0.501);
            }
            row += 1;
        }
    }
    assert_eq!(row, 2_500);
}

#[test]
fn rows_are_the_same_however_they_fell_into_batches() {
    for dimension in [1, 3, 64, 700] {
        let objects = MemoryObjects::default();
        let rows = 1_100;
        let vectors = clustered(2, rows, dimension);
        let meta = write(
            &objects,
            spec("s", dimension),
            &[("a", 1), ("b", rows - 1)],
            &vectors,
        );
        let segments = open(&objects, &home(), &[&meta]).unwrap();
        let batches = segments[0].batches.len();
        let per_batch = (2_usize << 20).div_euclid(dimension * 4).min(1_024);
        assert_eq!(batches, rows.div_ceil(per_batch));
        let mut wanted: Vec<u32> = (0..rows as u32).rev().step_by(3).collect();
        wanted.push(7);
        wanted.push(7);
        let of_segment: Vec<_> = wanted.iter().map(|row| (&segments[0], *row)).collect();
        let read = read_rows(&objects, &of_segment).unwrap();
        assert_eq!(read.len(), wanted.len());
        for (row, read) in wanted.into_iter().zip(read) {
            let (file_id, chunk) = if row == 0 { ("a", 0) } else { ("b", row - 1) };
            let start = u64::from(chunk) * 100;
            let expected = Row {
                file_id: file_id.to_owned(),
                chunk,
                start,
                end: start + 150,
                text: text_of(row as usize),
            };
            assert_eq!(read, expected);
        }
        assert!(matches!(
            read_rows(&objects, &[(&segments[0], rows as u32)]),
            Err(SegmentError::Invalid(_))
        ));
    }
}

#[test]
fn long_texts_close_a_batch_early() {
    let objects = MemoryObjects::default();
    let mut writer = SegmentWriter::create(&objects, spec("s", 2)).unwrap();
    let text = "x".repeat(MAX_TEXT_BYTES);
    for chunk in 0..10 {
        let row = NewRow {
            file_id: "a",
            chunk,
            start: 0,
            end: 1,
            text: &text,
            vector: &[1.0, 2.0],
        };
        writer.push(&row).unwrap();
    }
    let longer = format!("{text}x");
    let row = NewRow {
        file_id: "a",
        chunk: 10,
        start: 0,
        end: 1,
        text: &longer,
        vector: &[1.0, 2.0],
    };
    assert!(matches!(writer.push(&row), Err(SegmentError::Invalid(_))));
    let meta = writer.finish(&objects).unwrap().meta;
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    assert_eq!(segments[0].batches.len(), 3);
    let read = read_rows(&objects, &[(&segments[0], 9)]).unwrap();
    assert_eq!((read[0].chunk, read[0].text.len()), (9, MAX_TEXT_BYTES));
}

#[test]
fn live_rows_copied_into_another_segment_stay_the_same() {
    let objects = MemoryObjects::default();
    let vectors = clustered(3, 2_200, DIMENSION);
    let files = [("a", 1_000), ("b", 700), ("c", 500)];
    let meta = write(&objects, spec("from", DIMENSION), &files, &vectors);
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    let mut writer = SegmentWriter::create(&objects, spec("to", DIMENSION)).unwrap();
    let live = live_rows(&files, |run| run != 1);
    each_row::<SegmentError>(&objects, &segments[0], &live, |row| writer.push(row)).unwrap();
    let Written { meta: copy, files } = writer.finish(&objects).unwrap();
    let runs: Vec<(&str, u32)> = files
        .iter()
        .map(|run| (run.file_id.as_str(), run.rows))
        .collect();
    assert_eq!(runs, [("a", 1_000), ("c", 500)]);
    let copies = open(&objects, &home(), &[&copy]).unwrap();
    for (to, from) in [(0, 0), (999, 999), (1_000, 1_700), (1_499, 2_199)] {
        let pair = read_rows(&objects, &[(&copies[0], to), (&segments[0], from)]).unwrap();
        assert_eq!(pair[0], pair[1]);
    }
}

#[test]
fn what_does_not_belong_into_a_segment_is_refused_and_leaves_it_usable() {
    let objects = MemoryObjects::default();
    let mut writer = SegmentWriter::create(&objects, spec("s", 2)).unwrap();
    let mut push = |file_id, vector: &[f32]| {
        writer.push(&NewRow {
            file_id,
            chunk: 0,
            start: 0,
            end: 1,
            text: "t",
            vector,
        })
    };
    push("a", &[1.0, 0.0]).unwrap();
    push("b", &[1.0, 0.0]).unwrap();
    let too_long = "f".repeat(MAX_FILE_ID_BYTES + 1);
    for (file_id, vector) in [
        ("a", [1.0, 0.0].as_slice()),
        ("", &[1.0, 0.0]),
        (&too_long, &[1.0, 0.0]),
        ("b", &[1.0]),
        ("b", &[1.0, 2.0, 3.0]),
        ("b", &[0.0, 0.0]),
        ("b", &[f32::NAN, 1.0]),
        ("b", &[f32::NEG_INFINITY, 1.0]),
    ] {
        assert!(
            matches!(push(file_id, vector), Err(SegmentError::Invalid(_))),
            "{vector:?}"
        );
    }
    push("b", &[0.0, 2.0]).unwrap();
    let written = writer.finish(&objects).unwrap();
    assert_eq!((written.meta.rows, written.files.len()), (3, 2));
    for bad in [
        SegmentSpec {
            dimension: 0,
            ..spec("s", 2)
        },
        spec("../s", 2),
        spec("s", 9_000),
    ] {
        assert!(matches!(
            SegmentWriter::create(&objects, bad),
            Err(SegmentError::Invalid(_))
        ));
    }
}

#[test]
fn a_segment_that_is_not_finished_leaves_nothing_behind() {
    let objects = MemoryObjects::default();
    let mut writer = SegmentWriter::create(&objects, spec("s", 2)).unwrap();
    let row = NewRow {
        file_id: "a",
        chunk: 0,
        start: 0,
        end: 1,
        text: "t",
        vector: &[1.0, 2.0],
    };
    writer.push(&row).unwrap();
    drop(writer);
    assert!(objects.list("", None, 10).unwrap().is_empty());
}

#[test]
fn a_segment_without_rows_opens_and_finds_nothing() {
    let objects = MemoryObjects::default();
    let meta = write(&objects, spec("s", 2), &[], &[]);
    let segments = open(&objects, &home(), &[&meta]).unwrap();
    assert!(segments[0].batches.is_empty());
    verify(&objects, &home(), &meta).unwrap();
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let build = || {
        let objects = MemoryObjects::default();
        let vectors = clustered(4, 600, DIMENSION);
        let spec = SegmentSpec {
            graph_min_rows: 500,
            ..spec("s", DIMENSION)
        };
        let written = write_all(&objects, spec, &[("a", 600)], &vectors);
        let meta = &written.meta;
        assert_eq!(meta.keys(&home()), [home().segment("s"), home().graph("s")]);
        let read = |key: &String| objects.get(key).unwrap();
        let data: Vec<Vec<u8>> = meta.keys(&home()).iter().map(read).collect();
        (written, data)
    };
    assert_eq!(build(), build());
}

#[test]
fn what_the_manifest_says_survives_json_and_does_not_grow_with_the_rows() {
    let objects = MemoryObjects::default();
    let size = |rows: usize| {
        let meta = write(
            &objects,
            spec("s", 4),
            &[("file-0123456789", rows)],
            &clustered(5, rows, 4),
        );
        let json = serde_json::to_string(&meta).unwrap();
        assert_eq!(serde_json::from_str::<SegmentMeta>(&json).unwrap(), meta);
        json.len()
    };
    assert!(size(5_000) < size(10) + 16);
}

#[test]
fn wide_vectors_make_smaller_segments() {
    assert_eq!(max_rows(1_000, 384), 1_000);
    assert!(max_rows(u32::MAX, 384) > 32_768);
    assert!(max_rows(u32::MAX, 3_072) > 8_000);
    let bytes =
        |dimension: u32| u64::from(max_rows(u32::MAX, dimension)) * u64::from(dimension + 700);
    assert!(
        [1, 384, 1_536, 3_072, 8_192]
            .into_iter()
            .all(|dimension| bytes(dimension) <= 36 << 20)
    );
}
