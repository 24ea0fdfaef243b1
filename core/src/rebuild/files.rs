//! Which file each row of an index is of, as a table.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Metadata, Schema, SchemaRef};

use super::RebuildError;
use crate::platform::Platform;
use crate::store::runs::{Bounds, Direction};
use crate::store::{FileEntry, Files, Manifest};

const BATCH_FILES: usize = 4_096;

/// Writes the files of a base as an Arrow table, so that its rows can be joined with their files
/// without Dayfly: one row for each file, attributes as JSON. Holds one batch of them.
pub(super) fn write(
    platform: Platform<'_>,
    manifest: &Manifest,
    base: &str,
) -> Result<(), RebuildError> {
    let home = manifest.home();
    let schema = schema(base);
    let mut object = platform
        .objects
        .create(&format!("{}files.arrow", home.base(base)))?;
    let mut arrow = FileWriter::try_new(Vec::new(), &schema).map_err(failed)?;
    let (bounds, direction) = (Bounds::default(), Direction::Ascending);
    let mut files = Files::of(platform, manifest, &home, bounds, direction)?;
    let mut group = Vec::new();
    loop {
        let file = files.next().transpose()?;
        let is_last = file.is_none();
        group.extend(file);
        if group.len() >= BATCH_FILES || (is_last && !group.is_empty()) {
            arrow.write(&batch(&schema, &group)?).map_err(failed)?;
            object.write(&std::mem::take(arrow.get_mut()))?;
            group.clear();
        }
        if is_last {
            break;
        }
    }
    arrow.finish().map_err(failed)?;
    object.write(arrow.get_ref())?;
    object.finish()?;
    Ok(())
}

fn schema(base: &str) -> SchemaRef {
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
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn batch(schema: &SchemaRef, group: &[FileEntry]) -> Result<RecordBatch, RebuildError> {
    let texts = |of: &dyn Fn(&FileEntry) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(group.iter().map(of)))
    };
    let numbers = |of: &dyn Fn(&FileEntry) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(group.iter().map(of)))
    };
    let columns = vec![
        texts(&|file| file.file_id.clone()),
        texts(&|file| file.filename.clone()),
        numbers(&|file| file.created_at),
        numbers(&FileEntry::row_count),
        numbers(&|file| file.usage_bytes),
        texts(&|file| serde_json::to_string(&file.attributes).unwrap_or_default()),
    ];
    RecordBatch::try_new(schema.clone(), columns).map_err(failed)
}

fn failed(fault: ArrowError) -> RebuildError {
    RebuildError::Retry(format!("files.arrow: {fault}"))
}
