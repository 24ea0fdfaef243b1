//! Segments to begin with.

use dayfly_core::home::Home;
use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_core::segment::{BasePlace, NewRow, SegmentMeta, SegmentSpec, SegmentWriter};
use sha2::{Digest, Sha256};

pub fn home() -> Home {
    Home::new("vs_1", "i1")
}

/// Lower-case hexadecimal, as manifests have checksums.
pub fn sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a segment is to hold.
pub struct Plan {
    pub rows: u32,
    pub dimension: u32,
    /// Rows of each file.
    pub per_file: u32,
    pub text: &'static str,
    pub graph: bool,
    pub base: Option<BasePlace>,
}

impl Plan {
    pub fn of(rows: u32, dimension: u32) -> Self {
        Self {
            rows,
            dimension,
            per_file: 3,
            text: "naïve text 😀 ",
            graph: false,
            base: None,
        }
    }

    /// Writes it, always the same.
    pub fn write(&self, objects: &MemoryObjects) -> SegmentMeta {
        let spec = SegmentSpec {
            home: home(),
            id: "s".to_owned(),
            model: "m".to_owned(),
            dimension: self.dimension,
            graph_min_rows: if self.graph { 1 } else { u32::MAX },
            base: self.base.clone(),
        };
        let mut writer = SegmentWriter::create(objects, spec).unwrap();
        for row in 0..self.rows {
            let chunk = row % self.per_file;
            let text = self.text.repeat(1 + chunk as usize % 3);
            writer
                .push(&NewRow {
                    file_id: &format!("file-{}", row / self.per_file),
                    chunk,
                    start: u64::from(chunk) * 10,
                    end: u64::from(chunk) * 10 + text.len() as u64,
                    text: &text,
                    vector: &vector(row, self.dimension),
                })
                .unwrap();
        }
        writer.finish(objects).unwrap().meta
    }

    /// The bytes of its Arrow file, and what a manifest says of it.
    pub fn bytes(&self) -> (SegmentMeta, Vec<u8>) {
        let objects = MemoryObjects::default();
        let meta = self.write(&objects);
        let bytes = objects.get(&meta.rows_key(&home())).unwrap();
        (meta, bytes)
    }
}

/// A direction for each row.
pub fn vector(row: u32, dimension: u32) -> Vec<f32> {
    let component = |number: u32| {
        let mixed = (row * 31 + number + 1).wrapping_mul(2_654_435_761) >> 8;
        (mixed % 2_001) as f32 / 1_000.0 - 1.0
    };
    let mut vector: Vec<f32> = (0..dimension).map(component).collect();
    // Never all zeros.
    vector[0] += 1.5;
    vector
}
