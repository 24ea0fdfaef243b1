use proptest::prelude::*;

use super::*;
use crate::objects::{ObjectError, Objects};
use crate::segment::layout::Layout;
use crate::segment::{
    FileRun, Method, Scope, SegmentError, each_row, graph_key, open, read_rows, rows_key,
    search_by, verify,
};

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

/// Everything that reads a segment.
fn use_all(objects: &MemoryObjects, meta: &SegmentMeta) -> Result<(), SegmentError> {
    let segments = open(objects, STORE, &[meta])?;
    let scopes = [Scope {
        segment: &segments[0],
        live: meta.live_rows(|_| true),
        found: None,
    }];
    let asked = queries(&clustered(31, 2, DIMENSION));
    for method in [Method::Scan, Method::Graph] {
        for hits in search_by(objects, &scopes, &asked, 20, method)? {
            let rows: Vec<_> = hits.iter().map(|hit| (&segments[0], hit.row)).collect();
            read_rows(objects, &rows)?;
        }
    }
    each_row(objects, &segments[0], &meta.live_rows(|_| true), |_| Ok(()))
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
        (rows_key(STORE, "s", None), meta.bytes),
        (graph_key(STORE, "s"), meta.graph.as_ref().unwrap().bytes),
    ] {
        let whole = objects.get(&key).unwrap();
        for part in 0..60 {
            objects
                .put(&key, &whole[..(bytes * part / 60) as usize])
                .unwrap();
            assert!(matches!(
                verify(&objects, STORE, &meta),
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
    objects.delete(&graph_key(STORE, "s")).unwrap();
    assert_eq!(
        use_all(&objects, &meta),
        Err(SegmentError::Storage(ObjectError::NotFound))
    );
    objects.delete(&rows_key(STORE, "s", None)).unwrap();
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
        replace(&objects, &rows_key(STORE, "s", None), |data| {
            data[at] ^= 0x10
        });
        assert!(matches!(
            open(&objects, STORE, &[&meta]),
            Err(SegmentError::Corrupt { .. })
        ));
        replace(&objects, &rows_key(STORE, "s", None), |data| {
            data[at] ^= 0x10
        });
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
    let graph = objects.get(&graph_key(STORE, "t")).unwrap();
    objects.put(&graph_key(STORE, "s"), &graph).unwrap();
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
            let whole: Vec<_> = meta.keys(STORE).iter().map(read).collect();
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
            let verified = verify(&objects, STORE, &meta);
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
        let meta = SegmentMeta {
            id: "s".to_owned(), rows, bytes: 1 << 20, dimension: DIMENSION as u32,
            files: vec![FileRun { file_id: "a".to_owned(), rows }],
            tail_bytes: 100, tail_sha256: String::new(), sha256: String::new(), graph: None, base: None,
        };
        let tail = tail_with(&layout);
        if let Ok(layout) = Layout::of_tail(&tail, &meta, "k") {
            for batch in layout.batches {
                prop_assert!(batch.codes_from(0, 16).end <= meta.bytes);
                prop_assert!(batch.places().end <= batch.text);
            }
        }
    }

    #[test]
    fn a_tail_of_any_bytes_is_refused(tail in prop::collection::vec(any::<u8>(), 0..400)) {
        let meta = SegmentMeta {
            id: "s".to_owned(), rows: 0, bytes: 1 << 20, dimension: 4, files: Vec::new(),
            tail_bytes: 100, tail_sha256: String::new(), sha256: String::new(), graph: None, base: None,
        };
        prop_assert!(Layout::of_tail(&tail, &meta, "k").is_err());
        let mut ended = tail;
        let length = ended.len() as u32;
        ended.extend(length.to_le_bytes());
        ended.extend(b"ARROW1");
        prop_assert!(Layout::of_tail(&ended, &meta, "k").is_err());
    }
}

/// The end of an Arrow file whose footer carries `layout`.
fn tail_with(layout: &str) -> Vec<u8> {
    let schema = arrow_schema::Schema::empty();
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &schema).unwrap();
    writer.write_metadata(crate::segment::layout::LAYOUT_KEY, layout);
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}
