//! A file's rows, written and not yet visible.

use crate::chunk::ChunkingStrategy;
use crate::files::FileMeta;
use crate::filter::Attributes;
use crate::segment::SegmentMeta;
use crate::store::{FileEntry, RowRange};

/// The segments that hold all rows of a file and nothing else.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// In the order of the file's chunks.
    pub segments: Vec<SegmentMeta>,
}

impl Written {
    /// What the file's entry says once they are committed.
    pub fn entry(
        &self,
        file: &FileMeta,
        ingest_id: &str,
        created_at: u64,
        chunking: ChunkingStrategy,
        attributes: Attributes,
    ) -> FileEntry {
        FileEntry {
            file_id: file.id.clone(),
            filename: file.filename.clone(),
            ingest_id: ingest_id.to_owned(),
            created_at,
            usage_bytes: self.bytes(),
            chunking,
            attributes,
            rows: self.segments.iter().map(whole).collect(),
        }
    }

    fn bytes(&self) -> u64 {
        let graph = |meta: &SegmentMeta| meta.graph.as_ref().map_or(0, |graph| graph.bytes);
        let each = self.segments.iter().map(|meta| meta.bytes + graph(meta));
        each.sum()
    }
}

fn whole(segment: &SegmentMeta) -> RowRange {
    RowRange {
        segment: segment.id.clone(),
        first: 0,
        rows: segment.rows,
    }
}
