//! Rows as an Arrow file.

use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_array::{UInt32Array, UInt64Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use dayfly_core::segment::NewRow;
use serde_json::Value;

use super::chunk::Chunk;

const BATCH_ROWS: usize = 1_024;

/// An Arrow file of rows: ids, texts, vectors, and where they come from.
pub struct ArrowRows {
    schema: SchemaRef,
    file: FileWriter<BufWriter<File>>,
    ids: Vec<String>,
    files: Vec<String>,
    sources: Vec<String>,
    chunks: Vec<u32>,
    starts: Vec<u64>,
    ends: Vec<u64>,
    texts: Vec<String>,
    metadata: Vec<String>,
    vectors: Vec<f32>,
    dimension: i32,
}

impl ArrowRows {
    /// Begins the file.
    pub fn new(file: BufWriter<File>, model: &str, dimension: u32) -> io::Result<Self> {
        let dimension = dimension as i32;
        let field = |name, kind| Field::new(name, kind, false);
        let vector = DataType::FixedSizeList(Arc::new(field("item", DataType::Float32)), dimension);
        let fields = vec![
            field("id", DataType::Utf8),
            field("file_id", DataType::Utf8),
            field("filename", DataType::Utf8),
            field("chunk", DataType::UInt32),
            field("start", DataType::UInt64),
            field("end", DataType::UInt64),
            field("text", DataType::Utf8),
            field("metadata", DataType::Utf8),
            field("vector", vector),
        ];
        let about = [("dayfly.model".to_owned(), model.to_owned())];
        let schema = Schema::new_with_metadata(fields, arrow_schema::Metadata::from_iter(about));
        let schema = Arc::new(schema);
        Ok(Self {
            file: FileWriter::try_new(file, &schema).map_err(failed)?,
            schema,
            ids: Vec::new(),
            files: Vec::new(),
            sources: Vec::new(),
            chunks: Vec::new(),
            starts: Vec::new(),
            ends: Vec::new(),
            texts: Vec::new(),
            metadata: Vec::new(),
            vectors: Vec::new(),
            dimension,
        })
    }

    /// Appends a row.
    pub fn push(&mut self, chunk: &Chunk, row: &NewRow<'_>) -> io::Result<()> {
        self.ids.push(chunk.id.clone().unwrap_or_default());
        self.files.push(row.file_id.to_owned());
        self.sources.push(chunk.source("").into_owned());
        self.chunks.push(row.chunk);
        self.starts.push(row.start);
        self.ends.push(row.end);
        self.texts.push(row.text.to_owned());
        self.metadata
            .push(Value::from(chunk.metadata.clone()).to_string());
        self.vectors.extend_from_slice(row.vector);
        match self.ids.len() >= BATCH_ROWS {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let texts = |texts: &mut Vec<String>| -> ArrayRef {
            Arc::new(StringArray::from(std::mem::take(texts)))
        };
        let numbers = |numbers: &mut Vec<u64>| -> ArrayRef {
            Arc::new(UInt64Array::from(std::mem::take(numbers)))
        };
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let values: ArrayRef = Arc::new(Float32Array::from(std::mem::take(&mut self.vectors)));
        let vectors = FixedSizeListArray::try_new(item, self.dimension, values, None);
        let columns: Vec<ArrayRef> = vec![
            texts(&mut self.ids),
            texts(&mut self.files),
            texts(&mut self.sources),
            Arc::new(UInt32Array::from(std::mem::take(&mut self.chunks))),
            numbers(&mut self.starts),
            numbers(&mut self.ends),
            texts(&mut self.texts),
            texts(&mut self.metadata),
            Arc::new(vectors.map_err(failed)?),
        ];
        let batch = RecordBatch::try_new(self.schema.clone(), columns).map_err(failed)?;
        self.file.write(&batch).map_err(failed)
    }

    /// Completes the file.
    pub fn finish(mut self) -> io::Result<BufWriter<File>> {
        self.flush()?;
        self.file.finish().map_err(failed)?;
        self.file.into_inner().map_err(failed)
    }
}

fn failed(error: ArrowError) -> io::Error {
    io::Error::other(error)
}
