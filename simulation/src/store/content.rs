//! Files and their rows.

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::files::{self, FileMeta};
use dayfly_core::home::Home;
use dayfly_core::objects::ObjectError;
use dayfly_core::pending::segment_prefix;
use dayfly_core::platform::Platform;
use dayfly_core::segment::{NewRow, SegmentError, SegmentMeta, SegmentSpec, SegmentWriter};
use dayfly_core::store::{FileEntry, RowRange};

/// Components of a vector.
pub const DIMENSION: u32 = 2;

/// Keeps a file, as its upload does.
pub fn keep(platform: Platform<'_>, id: &str) -> Result<FileMeta, ObjectError> {
    platform.objects.put(&files::content_key(id), b"text")?;
    let meta = FileMeta {
        id: id.to_owned(),
        bytes: 4,
        created_at: platform.now_ms() / 1_000,
        filename: format!("{id}.txt"),
        purpose: "assistants".to_owned(),
        content_type: None,
        expires_at: None,
        parts: Vec::new(),
    };
    let data = serde_json::to_vec(&meta).map_err(|fault| ObjectError::Denied(fault.to_string()))?;
    platform.objects.put(&files::meta_key(id), &data)?;
    Ok(meta)
}

/// Writes the rows of an ingestion, `rows` of them, into a segment of its own.
pub fn ingest(
    platform: Platform<'_>,
    home: &Home,
    file_id: &str,
    ingest_id: &str,
    rows: u32,
) -> Result<SegmentMeta, SegmentError> {
    let spec = SegmentSpec {
        home: home.clone(),
        id: platform.new_id(&segment_prefix(ingest_id)),
        model: "m".to_owned(),
        dimension: DIMENSION,
        graph_min_rows: u32::MAX,
        base: None,
    };
    let mut writer = SegmentWriter::create(platform.objects, spec)?;
    for chunk in 0..rows {
        writer.push(&NewRow {
            file_id,
            chunk,
            start: chunk.into(),
            end: u64::from(chunk) + 1,
            text: "t",
            vector: &[1.0, chunk as f32],
        })?;
    }
    Ok(writer.finish(platform.objects)?.meta)
}

/// The entry of a file whose rows are in these segments.
pub fn entry(file: &FileMeta, ingest_id: &str, segments: &[SegmentMeta]) -> FileEntry {
    FileEntry {
        file_id: file.id.clone(),
        filename: file.filename.clone(),
        ingest_id: ingest_id.to_owned(),
        created_at: file.created_at,
        usage_bytes: segments.iter().map(|meta| meta.bytes).sum(),
        chunking: ChunkingStrategy::Auto,
        attributes: Default::default(),
        rows: segments
            .iter()
            .map(|meta| RowRange {
                segment: meta.id.clone(),
                first: 0,
                rows: meta.rows,
            })
            .collect(),
    }
}

/// How many rows an ingestion of that id has: it is known without asking anybody.
pub fn rows_of(ingest_id: &str) -> u32 {
    1 + ingest_id.bytes().map(u32::from).sum::<u32>() % 3
}

/// Whether an ingestion of that id can never succeed, of which there are `percent` in a hundred.
pub fn fails(ingest_id: &str, percent: u32) -> bool {
    ingest_id.bytes().map(u32::from).sum::<u32>() / 3 % 100 < percent
}
