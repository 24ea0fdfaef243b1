//! Rows waiting to be written, and the Arrow schema that they are written in.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int8Array, RecordBatch, StringArray, UInt32Array,
    UInt64Array,
};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Metadata, Schema, SchemaRef};

use super::vector::quantise;
use super::{
    BATCH_ROWS, BATCH_TEXT_BYTES, BATCH_VECTOR_BYTES, FORMAT_VERSION, METRIC, SegmentSpec,
};

/// A row on its way in.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'a> {
    /// The file it comes from.
    pub file_id: &'a str,
    /// The chunk's number in its file.
    pub chunk: u32,
    /// Where the chunk begins in its file, in bytes.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The chunk's text.
    pub text: &'a str,
    /// Its embedding, of any length but zero; it is normalised.
    pub vector: &'a [f32],
}

/// How many rows of `dimension` components fill a batch.
pub(super) fn batch_rows(dimension: u32) -> u32 {
    (BATCH_VECTOR_BYTES / (dimension * 4)).clamp(1, BATCH_ROWS)
}

/// The schema of a segment's Arrow file.
pub(super) fn schema(spec: &SegmentSpec) -> SchemaRef {
    let list = |item: DataType| DataType::FixedSizeList(element(item), spec.dimension as i32);
    let fields = vec![
        Field::new("file_id", DataType::Utf8, false),
        Field::new("chunk", DataType::UInt32, false),
        Field::new("start", DataType::UInt64, false),
        Field::new("end", DataType::UInt64, false),
        Field::new("text", DataType::Utf8, false),
        Field::new("vector", list(DataType::Float32), false),
        Field::new("code", list(DataType::Int8), false),
        Field::new("scale", DataType::Float32, false),
    ];
    let metadata = Metadata::new()
        .with("dayfly.format_version", FORMAT_VERSION.to_string())
        .with("dayfly.model", spec.model.as_str())
        .with("dayfly.dimension", spec.dimension.to_string())
        .with("dayfly.metric", METRIC);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn element(item: DataType) -> FieldRef {
    Arc::new(Field::new("item", item, false))
}

/// The columns of a batch in the making.
#[derive(Default)]
pub(super) struct Columns {
    file_ids: Vec<String>,
    chunks: Vec<u32>,
    starts: Vec<u64>,
    ends: Vec<u64>,
    texts: Vec<String>,
    text_bytes: usize,
    vectors: Vec<f32>,
    codes: Vec<u8>,
    scales: Vec<f32>,
}

impl Columns {
    pub(super) fn rows(&self) -> u32 {
        self.chunks.len() as u32
    }

    /// Whether a row with so much text should go into the next batch.
    pub(super) fn is_full(&self, dimension: u32, text: &str) -> bool {
        let more = self.text_bytes + text.len();
        self.rows() >= batch_rows(dimension) || (self.rows() > 0 && more > BATCH_TEXT_BYTES)
    }

    /// Appends a row, whose vector is `unit`.
    pub(super) fn push(&mut self, row: &NewRow<'_>, unit: &[f32]) {
        self.file_ids.push(row.file_id.to_owned());
        self.chunks.push(row.chunk);
        self.starts.push(row.start);
        self.ends.push(row.end);
        self.texts.push(row.text.to_owned());
        self.text_bytes += row.text.len();
        self.vectors.extend_from_slice(unit);
        let scale = quantise(unit, &mut self.codes);
        self.scales.push(scale);
    }

    /// The codes and their factors, row by row.
    pub(super) fn codes(&self) -> (&[u8], &[f32]) {
        (&self.codes, &self.scales)
    }

    /// The batch; nothing stays behind.
    pub(super) fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let columns = std::mem::take(self);
        let dimension = match schema.field(5).data_type() {
            DataType::FixedSizeList(_, dimension) => *dimension,
            other => return Err(ArrowError::SchemaError(format!("vectors of type {other}"))),
        };
        let list = |item: DataType, values: ArrayRef| {
            FixedSizeListArray::try_new(element(item), dimension, values, None)
        };
        let vectors: ArrayRef = Arc::new(Float32Array::from(columns.vectors));
        let components = columns.codes.len();
        let codes = ScalarBuffer::new(Buffer::from_vec(columns.codes), 0, components);
        let codes: ArrayRef = Arc::new(Int8Array::new(codes, None));
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(columns.file_ids)),
            Arc::new(UInt32Array::from(columns.chunks)),
            Arc::new(UInt64Array::from(columns.starts)),
            Arc::new(UInt64Array::from(columns.ends)),
            Arc::new(StringArray::from(columns.texts)),
            Arc::new(list(DataType::Float32, vectors)?),
            Arc::new(list(DataType::Int8, codes)?),
            Arc::new(Float32Array::from(columns.scales)),
        ];
        RecordBatch::try_new(schema.clone(), arrays)
    }
}
