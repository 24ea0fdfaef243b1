use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Metadata, Schema};

use super::RebuildError;
use crate::objects::Objects;
use crate::segment::SegmentMeta;
use crate::store::{FileEntry, Table, keys};

const BATCH_FILES: usize = 4_096;

/// Writes the files of a base as an Arrow table, so that its rows can be joined with their files
/// without Dayfly: one row for each file, attributes as JSON.
pub(super) fn write(
    objects: &dyn Objects,
    store: &str,
    base: &str,
    table: &Table,
    segments: &[SegmentMeta],
) -> Result<(), RebuildError> {
    let mut rows: HashMap<&str, u64> = HashMap::new();
    for run in segments.iter().flat_map(|meta| &meta.files) {
        *rows.entry(&run.file_id).or_default() += u64::from(run.rows);
    }
    let failed = |fault: ArrowError| RebuildError::Retry(format!("files.arrow: {fault}"));
    let text = |name| Field::new(name, DataType::Utf8, false);
    let number = |name| Field::new(name, DataType::UInt64, false);
    let fields = vec![
        text("file_id"),
        text("filename"),
        number("created_at"),
        number("rows"),
        number("usage_bytes"),
        text("attributes"),
    ];
    let metadata = Metadata::new().with("dayfly.base", base);
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let mut object = objects.create(&keys::base_files(store, base))?;
    let mut arrow = FileWriter::try_new(Vec::new(), &schema).map_err(failed)?;
    let files: Vec<&FileEntry> = table.files.values().collect();
    for group in files.chunks(BATCH_FILES) {
        let texts = |of: &dyn Fn(&FileEntry) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(
                group.iter().map(|file| of(file)),
            ))
        };
        let numbers = |of: &dyn Fn(&FileEntry) -> u64| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(
                group.iter().map(|file| of(file)),
            ))
        };
        let columns = vec![
            texts(&|file| file.file_id.clone()),
            texts(&|file| file.filename.clone()),
            numbers(&|file| file.created_at),
            numbers(&|file| rows.get(file.file_id.as_str()).copied().unwrap_or(0)),
            numbers(&|file| file.usage_bytes),
            texts(&|file| serde_json::to_string(&file.attributes).unwrap_or_default()),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).map_err(failed)?;
        arrow.write(&batch).map_err(failed)?;
        object.write(&std::mem::take(arrow.get_mut()))?;
    }
    arrow.finish().map_err(failed)?;
    object.write(arrow.get_ref())?;
    object.finish()?;
    Ok(())
}
