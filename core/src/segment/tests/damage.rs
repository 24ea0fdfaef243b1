use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_ipc::writer::FileWriter;
use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::objects::{ObjectError, Objects};
use crate::segment::layout::LAYOUT_KEY;
use crate::segment::open::open_holding;
use crate::segment::tail::batches;
use crate::segment::{Method, Scope, SegmentError, each_row, open, read_rows, search_by, verify};

const DIMENSION: usize = 16;
const ROWS: usize = 1_300;

fn intact() -> (MemoryObjects, SegmentMeta) {
    let objects = MemoryObjects::default();
    let vectors = clustered(30, ROWS, DIMENSION);
    let spec = SegmentSpec {
        graph_min_rows: 1,
        ..spec("s", DIMENSION)
    };
    let meta = write(&objects, spec, &[("a", 800), ("b", 500)], &vectors);
    (objects, meta)
}

/// Everything that reads a segment, piece by piece and held whole.
fn use_all(objects: &MemoryObjects, meta: &SegmentMeta) -> Result<(), SegmentError> {
    let pieces = use_holding(objects, meta, 0);
    let whole = use_holding(objects, meta, 1 << 20);
    assert_eq!(pieces.is_ok(), whole.is_ok(), "{pieces:?} {whole:?}");
    pieces
}

fn use_holding(objects: &MemoryObjects, meta: &SegmentMeta, room: u64) -> Result<(), SegmentError> {
    let segments = open_holding(objects, &home(), &[meta], room)?;
    let scopes = [Scope {
        segment: &segments[0],
        live: all_rows(meta),
        found: None,
    }];
    let asked = queries(&clustered(31, 2, DIMENSION));
    for method in [Method::Scan, Method::Graph] {
        for hits in search_by(objects, &scopes, &asked, 20, method)? {
            let rows: Vec<_> = hits.iter().map(|hit| (&segments[0], hit.row)).collect();
            read_rows(objects, &rows)?;
        }
    }
    each_row(objects, &segments[0], &all_rows(meta), |_| Ok(()))
}

fn is_typed(outcome: &Result<(), SegmentError>) -> bool {
    matches!(outcome, Ok(()) | Err(SegmentError::Corrupt { .. }))
}

fn replace(objects: &MemoryObjects, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut data = objects.get(key).unwrap();
    change(&mut data);
    objects.put(key, &data).unwrap();
}

#[test]
fn truncated_anywhere_it_is_corrupt() {
    let (objects, meta) = intact();
    assert_eq!(use_all(&objects, &meta), Ok(()));
    for (key, bytes) in [
        (home().segment("s"), meta.bytes),
        (home().graph("s"), meta.graph.as_ref().unwrap().bytes),
    ] {
        let whole = objects.get(&key).unwrap();
        for part in 0..60 {
            objects
                .put(&key, &whole[..(bytes * part / 60) as usize])
                .unwrap();
            assert!(matches!(
                verify(&objects, &home(), &meta),
                Err(SegmentError::Corrupt { .. })
            ));
            let used = use_all(&objects, &meta);
            assert!(is_typed(&used), "{key} {part}: {used:?}");
            assert!(key.ends_with(".hnsw") || used.is_err());
        }
        objects.put(&key, &whole).unwrap();
    }
}

#[test]
fn a_missing_object_is_an_error_of_storage() {
    let (objects, meta) = intact();
    objects.delete(&home().graph("s")).unwrap();
    assert_eq!(
        use_all(&objects, &meta),
        Err(SegmentError::Storage(ObjectError::NotFound))
    );
    objects.delete(&home().segment("s")).unwrap();
    assert_eq!(
        use_all(&objects, &meta),
        Err(SegmentError::Storage(ObjectError::NotFound))
    );
}

#[test]
fn a_changed_tail_is_never_opened() {
    let (objects, meta) = intact();
    for at in 0..u64::from(meta.tail_bytes) {
        let at = (meta.bytes - 1 - at) as usize;
        replace(&objects, &home().segment("s"), |data| data[at] ^= 0x10);
        assert!(matches!(
            open(&objects, &home(), &[&meta]),
            Err(SegmentError::Corrupt { .. })
        ));
        replace(&objects, &home().segment("s"), |data| data[at] ^= 0x10);
    }
}

#[test]
fn another_segments_graph_is_refused() {
    let (objects, meta) = intact();
    let other = SegmentSpec {
        graph_min_rows: 1,
        ..spec("t", DIMENSION)
    };
    write(
        &objects,
        other,
        &[("a", 900)],
        &clustered(32, 900, DIMENSION),
    );
    let graph = objects.get(&home().graph("t")).unwrap();
    objects.put(&home().graph("s"), &graph).unwrap();
    assert!(matches!(
        use_all(&objects, &meta),
        Err(SegmentError::Corrupt { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_bytes_never_panic_and_never_pass_verification(
        in_graph: bool, changes in prop::collection::vec((any::<u32>(), 1_u8..), 1..40)
    ) {
        thread_local!(static INTACT: (MemoryObjects, SegmentMeta) = intact());
        let (whole, meta) = INTACT.with(|(objects, meta)| {
            let read = |key: &String| (key.clone(), objects.get(key).unwrap());
            let whole: Vec<_> = meta.keys(&home()).iter().map(read).collect();
            (whole, meta.clone())
        });
        let objects = MemoryObjects::default();
        whole.iter().for_each(|(key, data)| objects.put(key, data).unwrap());
        let (key, data) = &whole[usize::from(in_graph)];
        replace(&objects, key, |bytes| {
            changes.iter().for_each(|(at, by)| bytes[*at as usize % data.len()] ^= by);
        });
        let used = use_all(&objects, &meta);
        prop_assert!(is_typed(&used), "{:?}", used);
        if objects.get(key).unwrap() != *data {
            let verified = verify(&objects, &home(), &meta);
            let corrupt = matches!(verified, Err(SegmentError::Corrupt { .. }));
            prop_assert!(corrupt);
        }
    }

    #[test]
    fn a_layout_made_up_by_an_attacker_is_refused_or_stays_in_bounds(
        fields in prop::collection::vec(
            prop_oneof![0_u64..100_000, any::<u64>(), Just(u64::MAX), Just(1_300)], 9),
        rows in prop_oneof![Just(1_300_u32), any::<u32>()],
    ) {
        let layout = format!("{{\"batches\":[{}]}}", serde_json::to_string(&fields).unwrap());
        let meta = SegmentMeta { rows, ..made_up() };
        prop_assert!(is_bounded(&tail_with(&layout), &meta));
    }

    #[test]
    fn a_tail_that_was_changed_with_its_checksum_is_refused_or_stays_in_bounds(
        batch in 0_usize..2,
        column in 0_usize..9,
        by in by(),
        offset in by(),
        length in by().prop_map(|length| length as i32),
        which in 0_u8..3,
    ) {
        thread_local!(static INTACT: (MemoryObjects, SegmentMeta) = intact());
        let (rows, mut meta) = INTACT.with(|(objects, meta)| {
            (objects.get(&meta.rows_key(&home())).unwrap(), meta.clone())
        });
        meta.graph = None;
        let at = rows.len() - meta.tail_bytes as usize;
        let (body, mut tail) = (rows[..at].to_vec(), rows[at..].to_vec());
        match which {
            0 => change_layout(&mut tail, batch, column, by),
            1 => change_block(&mut tail, batch, |block| block.0 = block.0.wrapping_add(offset)),
            _ => change_block(&mut tail, batch, |block| block.1 = block.1.wrapping_add(length)),
        }
        meta.tail_sha256 = format!("{:x}", Sha256::digest(&tail));
        prop_assert!(is_bounded(&tail, &meta));
        let objects = MemoryObjects::default();
        objects.put(&meta.rows_key(&home()), &[body, tail].concat()).unwrap();
        let used = use_all(&objects, &meta);
        prop_assert!(is_typed(&used), "{:?}", used);
    }

    #[test]
    fn a_tail_of_any_bytes_is_refused(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let meta = SegmentMeta { rows: 0, dimension: 4, ..made_up() };
        prop_assert!(batches(&tail, &meta, "k").is_err());
        let mut ended = tail;
        let length = ended.len() as u32;
        ended.extend(length.to_le_bytes());
        ended.extend(b"ARROW1");
        prop_assert!(batches(&ended, &meta, "k").is_err());
    }
}

/// What is added to a number: little, or anything.
fn by() -> impl Strategy<Value = i64> {
    prop_oneof![-70_i64..70, any::<i64>()]
}

fn made_up() -> SegmentMeta {
    SegmentMeta {
        id: "s".to_owned(),
        rows: 1_300,
        bytes: 1 << 20,
        dimension: DIMENSION as u32,
        tail_bytes: 100,
        tail_sha256: String::new(),
        sha256: String::new(),
        graph: None,
        base: None,
        legacy: false,
    }
}

/// Whether the tail is refused, or what it names lies within the file and is of a modest size.
fn is_bounded(tail: &[u8], meta: &SegmentMeta) -> bool {
    let Ok(batches) = batches(tail, meta, "k") else {
        return true;
    };
    batches.iter().all(|batch| {
        let head = batch.head();
        batch.at.codes_from(0, DIMENSION as u64).end <= meta.bytes
            && head.end <= batch.at.text
            && head.end - head.start <= 304 << 10
    })
}

/// The end of an Arrow file whose footer carries `layout`, and names one batch.
fn tail_with(layout: &str) -> Vec<u8> {
    let schema = std::sync::Arc::new(arrow_schema::Schema::empty());
    let mut writer = FileWriter::try_new(Vec::new(), &schema).unwrap();
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let batch = RecordBatch::try_new_with_options(schema, Vec::new(), &options).unwrap();
    writer.write(&batch).unwrap();
    writer.write_metadata(LAYOUT_KEY, layout);
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

/// Adds to a number of the layout that a tail carries. Nothing moves: blanks make up for digits.
fn change_layout(tail: &mut [u8], batch: usize, column: usize, by: i64) {
    let start = position(tail, b"{\"batches\"");
    let end = start + position(&tail[start..], b"}") + 1;
    let text = std::str::from_utf8(&tail[start..end]).unwrap();
    let mut layout: Value = serde_json::from_str(text).unwrap();
    let number = &mut layout["batches"][batch][column];
    *number = number.as_u64().unwrap().wrapping_add_signed(by).into();
    let mut text = layout.to_string().into_bytes();
    if text.len() <= end - start {
        text.resize(end - start, b' ');
        tail[start..end].copy_from_slice(&text);
    }
}

/// Changes offset and length of the message that a tail's footer has for a batch.
fn change_block(tail: &mut [u8], batch: usize, change: impl FnOnce(&mut (i64, i32))) {
    let length = tail.len() - 10;
    let footer_bytes = u32::from_le_bytes(tail[length..length + 4].try_into().unwrap()) as usize;
    let footer = arrow_ipc::root_as_footer(&tail[length - footer_bytes..length]).unwrap();
    let block = footer.recordBatches().unwrap().get(batch);
    let mut changed = (block.offset(), block.metaDataLength());
    let encode =
        |(offset, length): (i64, i32)| [&offset.to_le_bytes()[..], &length.to_le_bytes()].concat();
    let at = position(tail, &encode(changed));
    change(&mut changed);
    tail[at..at + 12].copy_from_slice(&encode(changed));
}

fn position(bytes: &[u8], wanted: &[u8]) -> usize {
    let mut windows = bytes.windows(wanted.len());
    windows.position(|window| window == wanted).unwrap()
}
