//! Stores for tests.

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::filter::{AttributeValue, Attributes};
use dayfly_core::segment::{NewRow, SegmentSpec, SegmentWriter};
use dayfly_core::store::{self, Embedding, FileEntry, Manifest, RowRange, StoreError, StoreInfo};

use crate::storage::Blocking;

/// Components of each vector.
pub const DIMENSION: u32 = 8;

/// Makes a store.
pub fn store(objects: &Blocking, id: &str) -> Manifest {
    let info = StoreInfo {
        id: id.to_owned(),
        name: None,
        created_at: 1,
        description: None,
        metadata: Default::default(),
        expires_after: None,
        embedding: Embedding {
            model: "m".to_owned(),
            dimension: None,
            metric: "cosine".to_owned(),
        },
    };
    store::create(objects.platform(), &Manifest::first(info)).unwrap()
}

/// Adds a file of so many rows, whose attribute `n` is their number.
pub fn add(objects: &Blocking, store: &str, file_id: &str, rows: u32) -> Manifest {
    let platform = objects.platform();
    let home = store::existing(platform, store).unwrap().home();
    let ingest_id = platform.new_id("");
    let spec = SegmentSpec {
        home: home.clone(),
        id: format!("seg-{ingest_id}-0"),
        model: "m".to_owned(),
        dimension: DIMENSION,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(objects, spec).unwrap();
    for chunk in 0..rows {
        let text = format!("{file_id} {chunk}");
        writer
            .push(&NewRow {
                file_id,
                chunk,
                start: 0,
                end: text.len() as u64,
                text: &text,
                vector: &vector(&text),
            })
            .unwrap();
    }
    let meta = writer.finish(objects).unwrap().meta;
    let attributes = Attributes::from([("n".to_owned(), AttributeValue::Number(f64::from(rows)))]);
    let entry = FileEntry {
        file_id: file_id.to_owned(),
        filename: format!("{file_id}.txt"),
        ingest_id,
        created_at: 1,
        usage_bytes: meta.bytes,
        chunking: ChunkingStrategy::Auto,
        attributes,
        rows: vec![RowRange {
            segment: meta.id.clone(),
            first: 0,
            rows,
        }],
    };
    store::add_file(
        platform,
        &home,
        &entry,
        &[meta],
        |_| Ok::<_, StoreError>(()),
    )
    .unwrap()
}

/// A vector of its own for each text, of length 1.
pub fn vector(text: &str) -> Vec<f32> {
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut vector: Vec<f32> = (0..DIMENSION)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect();
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
    vector
}
