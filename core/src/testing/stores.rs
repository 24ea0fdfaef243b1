//! Stores for tests.

use std::collections::BTreeMap;

use crate::chunk::ChunkingStrategy;
use crate::home::Home;
use crate::platform::Platform;
use crate::segment::{NewRow, SegmentMeta, SegmentSpec, SegmentWriter};
use crate::store::{self, Embedding, FileEntry, Manifest, RowRange, StoreError, StoreInfo};

/// Texts and their vectors.
pub(crate) type Rows = Vec<(String, Vec<f32>)>;

/// What a store is made from.
pub(crate) fn first(store: &str, dimension: Option<u32>) -> Manifest {
    Manifest::first(StoreInfo {
        id: store.to_owned(),
        name: None,
        created_at: 1,
        description: None,
        metadata: BTreeMap::new(),
        expires_after: None,
        embedding: Embedding {
            model: "m".to_owned(),
            dimension,
            metric: "cosine".to_owned(),
        },
    })
}

/// Makes a store, whose dimension its first file decides.
pub(crate) fn make(platform: Platform<'_>, store: &str) -> Home {
    store::create(platform, &first(store, None)).unwrap().home()
}

/// Writes a segment of one file, whose first chunk has that number.
pub(crate) fn write_segment(
    platform: Platform<'_>,
    home: &Home,
    id: &str,
    file_id: &str,
    first_chunk: u32,
    rows: &[(String, Vec<f32>)],
) -> SegmentMeta {
    let spec = SegmentSpec {
        home: home.clone(),
        id: id.to_owned(),
        model: "m".to_owned(),
        dimension: rows[0].1.len() as u32,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(platform.objects, spec).unwrap();
    for (number, (text, vector)) in rows.iter().enumerate() {
        let chunk = first_chunk + number as u32;
        let row = NewRow {
            file_id,
            chunk,
            start: u64::from(chunk),
            end: u64::from(chunk) + 1,
            text,
            vector,
        };
        writer.push(&row).unwrap();
    }
    writer.finish(platform.objects).unwrap().meta
}

/// A file that has all rows of some segments.
pub(crate) fn entry(file_id: &str, ingest_id: &str, segments: &[SegmentMeta]) -> FileEntry {
    let all = |meta: &SegmentMeta| RowRange {
        segment: meta.id.clone(),
        first: 0,
        rows: meta.rows,
    };
    FileEntry {
        file_id: file_id.to_owned(),
        filename: format!("{file_id}.txt"),
        ingest_id: ingest_id.to_owned(),
        created_at: 1,
        usage_bytes: segments.iter().map(|meta| meta.bytes).sum(),
        chunking: ChunkingStrategy::Auto,
        attributes: BTreeMap::new(),
        rows: segments.iter().map(all).collect(),
    }
}

/// Ingests a file of one segment as a guest does.
pub(crate) fn add(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    ingest_id: &str,
    rows: &[(String, Vec<f32>)],
) -> Result<Manifest, StoreError> {
    let id = format!("seg-{ingest_id}-0");
    let segments = [write_segment(platform, home, &id, file_id, 0, rows)];
    let file = entry(file_id, ingest_id, &segments);
    store::add_file(platform, home, &file, &segments, |_| Ok(()))
}
