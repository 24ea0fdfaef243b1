//! Segments: the Arrow file, read by every way there is.

use std::ops::Range;

use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_core::segment::{
    DeadRows, Method, NewRow, Query, Row, Scope, Segment, SegmentError, SegmentMeta, SegmentSpec,
    SegmentWriter, each_row, each_vectors, open, read_rows, search_by, verify,
};

use super::MIB;
use super::store::{Plan, home, sha256};
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "segment",
    run,
    most_bytes: 24 * MIB,
    seeds,
};

/// Results of a search; so few candidates are all rescored.
const ALL_RESCORED: u32 = 40;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (rows, tail_bytes, dimension, dying) = (input.u32(), input.u32(), input.u16(), input.u8());
    let object = input.rest();
    let tail = object.len().saturating_sub(tail_bytes as usize);
    let meta = SegmentMeta {
        id: "s".to_owned(),
        rows,
        bytes: object.len() as u64,
        dimension: dimension.into(),
        tail_bytes,
        tail_sha256: sha256(&object[tail..]),
        sha256: sha256(object),
        graph: None,
        base: None,
        legacy: false,
    };
    let objects = MemoryObjects::default();
    objects.put(&meta.rows_key(&home()), object).unwrap();
    let Ok(segments) = open(&objects, &home(), &[&meta]) else {
        return;
    };
    verify(&objects, &home(), &meta).unwrap();
    let read = rows_of(&objects, &segments[0]);
    searched(&objects, &segments[0], dying, read.as_deref());
    if let Some(read) = read {
        written_again(&objects, &meta, &read);
    }
}

type Read = (Row, Vec<f32>);

/// All rows; every way of reading them tells the same.
fn rows_of(objects: &MemoryObjects, segment: &Segment<'_>) -> Option<Vec<Read>> {
    let rows = segment.meta().rows;
    let all = whole(rows);
    let mut read: Vec<Read> = Vec::new();
    let one_by_one = each_row(objects, segment, &all, |row| {
        read.push((owned(row), row.vector.to_vec()));
        Ok::<_, SegmentError>(())
    });
    let wanted: Vec<_> = (0..rows).map(|row| (segment, row)).collect();
    let looked_up = read_rows(objects, &wanted);
    assert_eq!(looked_up.is_ok(), one_by_one.is_ok());
    assert!(read_rows(objects, &[(segment, rows)]).is_err());
    let looked_up = looked_up.ok()?;
    assert!(read.iter().map(|(row, _)| row).eq(&looked_up));
    let mut vectors = Vec::new();
    let taken = each_vectors(
        objects,
        segment,
        |_| true,
        |first, some| {
            assert_eq!(
                first as usize * segment.meta().dimension as usize,
                vectors.len()
            );
            vectors.extend_from_slice(some);
            Ok::<_, SegmentError>(())
        },
    );
    if taken.is_ok() {
        assert!(read.iter().flat_map(|(_, vector)| vector).eq(&vectors));
    }
    Some(read)
}

fn owned(row: &NewRow<'_>) -> Row {
    Row {
        file_id: row.file_id.to_owned(),
        chunk: row.chunk,
        start: row.start,
        end: row.end,
        text: row.text.to_owned(),
    }
}

/// Hits are live rows, in order, with possible scores, and none is missed where few are live.
fn searched(objects: &MemoryObjects, segment: &Segment<'_>, dying: u8, read: Option<&[Read]>) {
    let rows = segment.meta().rows;
    let mut dead = DeadRows::empty();
    let first = u32::from(dying) % rows.max(1);
    dead.kill(first..(first + u32::from(dying % 8)).min(rows));
    let live = dead.live_ranges(rows);
    let count: u32 = live.iter().map(|range| range.end - range.start).sum();
    let scopes = [Scope {
        segment,
        live,
        found: None,
    }];
    let asked = super::store::vector(u32::from(dying), segment.meta().dimension);
    let asked = Query::new(&asked).unwrap();
    let Ok(hits) = search_by(objects, &scopes, &[asked], 10, Method::Scan) else {
        return;
    };
    let hits = &hits[0];
    assert!(hits.is_sorted_by(|one, next| one.score >= next.score));
    for hit in hits {
        assert!(hit.row < rows && !dead.is_dead(hit.row));
        assert!((-1.0..=1.0).contains(&hit.score));
    }
    if count <= ALL_RESCORED && read.is_some() {
        assert_eq!(hits.len() as u32, count.min(10));
    }
}

/// What was read can be written where it is what a writer takes, and is read again as it was.
fn written_again(objects: &MemoryObjects, meta: &SegmentMeta, read: &[Read]) {
    let spec = SegmentSpec {
        home: home(),
        id: "again".to_owned(),
        model: "m".to_owned(),
        dimension: meta.dimension,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(objects, spec).unwrap();
    for (row, vector) in read {
        let row = NewRow {
            file_id: &row.file_id,
            chunk: row.chunk,
            start: row.start,
            end: row.end,
            text: &row.text,
            vector,
        };
        if writer.push(&row).is_err() {
            return;
        }
    }
    let meta = writer.finish(objects).unwrap().meta;
    let segments = open(objects, &home(), &[&meta]).unwrap();
    let again = rows_of(objects, &segments[0]).unwrap();
    assert!(
        again
            .iter()
            .map(|(row, _)| row)
            .eq(read.iter().map(|(row, _)| row))
    );
}

fn whole(rows: u32) -> Vec<Range<u32>> {
    match rows {
        0 => Vec::new(),
        rows => std::iter::once(0..rows).collect(),
    }
}

fn seeds() -> Vec<Seed> {
    let long_texts = Plan {
        text: "A longer text, of which there is more in each row. ",
        per_file: 1,
        ..Plan::of(6, 3)
    };
    // A batch holds at most 1,024 rows.
    let two_batches = Plan {
        text: "",
        per_file: 2_000,
        ..Plan::of(1_030, 1)
    };
    let plans = [
        ("one-row", Plan::of(1, 1)),
        ("few-rows", Plan::of(7, 16)),
        ("none", Plan::of(0, 4)),
        ("long-texts", long_texts),
        ("two-batches", two_batches),
    ];
    plans.map(|(name, plan)| seed(name, &plan)).into()
}

fn seed(name: &str, plan: &Plan) -> Seed {
    let (meta, bytes) = plan.bytes();
    let mut input = meta.rows.to_le_bytes().to_vec();
    input.extend(meta.tail_bytes.to_le_bytes());
    input.extend((meta.dimension as u16).to_le_bytes());
    input.push(9);
    input.extend(bytes);
    Seed::new(name, input)
}
