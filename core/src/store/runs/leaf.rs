//! Changes as a record batch.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, ListArray, RecordBatch, StringArray, StructArray,
    UInt32Array, UInt64Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::ArrowError;

use super::RunError;
use super::columns::{Column, Kind};
use super::schema::{Shape, row_fields, row_range};
use crate::filter::{AttributeValue, Attributes};
use crate::store::entry::{Change, FileEntry, RowRange};

/// About how many bytes of content a change has.
pub(super) fn content_bytes(change: &Change) -> usize {
    let Some(file) = change.file() else {
        return change.file_id().len();
    };
    let attribute = |(name, value): (&String, &AttributeValue)| match value {
        AttributeValue::Text(text) => name.len() + text.len(),
        _ => name.len() + 8,
    };
    let row = |range: &RowRange| range.segment.len() + 12;
    file.file_id.len()
        + file.filename.len()
        + file.ingest_id.len()
        + file.attributes.iter().map(attribute).sum::<usize>()
        + file.rows.iter().map(row).sum::<usize>()
}

/// A leaf of these changes.
pub(super) fn batch(shape: &Shape, changes: &[Change]) -> Result<RecordBatch, RunError> {
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            changes.iter().map(Change::file_id),
        )),
        Arc::new(BooleanArray::from_iter(
            changes.iter().map(|change| Some(change.file().is_none())),
        )),
        Arc::new(rows(changes).map_err(RunError::build)?),
    ];
    arrays.extend(shape.columns.iter().map(|column| values(column, changes)));
    let rest: Vec<Option<String>> = changes
        .iter()
        .map(|change| rest_of(shape, change))
        .collect::<Result<_, _>>()?;
    let chunking: Vec<Option<String>> = changes
        .iter()
        .map(|change| change.file().map(|file| json(&file.chunking)).transpose())
        .collect::<Result<_, _>>()?;
    arrays.extend([
        Arc::new(StringArray::from(rest)) as ArrayRef,
        texts(changes, |file| &file.filename),
        texts(changes, |file| &file.ingest_id),
        numbers(changes, |file| file.created_at),
        numbers(changes, |file| file.usage_bytes),
        Arc::new(StringArray::from(chunking)),
    ]);
    RecordBatch::try_new(shape.schema.clone(), arrays).map_err(RunError::build)
}

fn texts(changes: &[Change], text: impl Fn(&FileEntry) -> &str) -> ArrayRef {
    let values = changes.iter().map(|change| change.file().map(&text));
    Arc::new(StringArray::from_iter(values))
}

fn numbers(changes: &[Change], number: impl Fn(&FileEntry) -> u64) -> ArrayRef {
    let values = changes.iter().map(|change| change.file().map(&number));
    Arc::new(UInt64Array::from_iter(values))
}

fn values(column: &Column, changes: &[Change]) -> ArrayRef {
    let attributes = changes.iter().map(|change| {
        let file = change.file()?;
        file.attributes.get(&column.name)
    });
    match column.kind {
        Kind::Bool => Arc::new(BooleanArray::from_iter(attributes.map(
            |value| match value {
                Some(AttributeValue::Bool(value)) => Some(*value),
                _ => None,
            },
        ))),
        Kind::Number => Arc::new(Float64Array::from_iter(attributes.map(
            |value| match value {
                Some(AttributeValue::Number(value)) => Some(*value),
                _ => None,
            },
        ))),
        Kind::Text => Arc::new(StringArray::from_iter(attributes.map(
            |value| match value {
                Some(AttributeValue::Text(value)) => Some(value.as_str()),
                _ => None,
            },
        ))),
    }
}

/// The attributes that have no column, as JSON.
fn rest_of(shape: &Shape, change: &Change) -> Result<Option<String>, RunError> {
    let Some(file) = change.file() else {
        return Ok(None);
    };
    let homeless = |(name, value): &(&String, &AttributeValue)| !shape.has(name, Kind::of(value));
    let rest: Attributes = file
        .attributes
        .iter()
        .filter(homeless)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if rest.is_empty() {
        return Ok(None);
    }
    json(&rest).map(Some)
}

fn rows(changes: &[Change]) -> Result<ListArray, ArrowError> {
    let rows_of = |change: &Change| change.file().map_or(0, |file| file.rows.len());
    let ranges = || {
        changes
            .iter()
            .filter_map(Change::file)
            .flat_map(|file| &file.rows)
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            ranges().map(|range| range.segment.as_str()),
        )),
        Arc::new(UInt32Array::from_iter_values(
            ranges().map(|range| range.first),
        )),
        Arc::new(UInt32Array::from_iter_values(
            ranges().map(|range| range.rows),
        )),
    ];
    let items = StructArray::try_new(row_fields(), columns, None)?;
    let nulls: NullBuffer = changes
        .iter()
        .map(|change| change.file().is_some())
        .collect();
    ListArray::try_new(
        Arc::new(row_range()),
        OffsetBuffer::from_lengths(changes.iter().map(rows_of)),
        Arc::new(items),
        Some(nulls),
    )
}

fn json(value: &impl serde::Serialize) -> Result<String, RunError> {
    serde_json::to_string(value).map_err(RunError::build)
}
