//! A leaf's bytes as changes.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_array::{
    Array, BooleanArray, Float64Array, ListArray, RecordBatch, StringArray, UInt32Array,
    UInt64Array,
};
use arrow_buffer::Buffer;
use arrow_ipc::reader::read_record_batch;
use arrow_ipc::root_as_message;
use arrow_schema::{DataType, Schema};

use super::RunError;
use super::columns::{Column, Kind};
use super::index::LeafRef;
use super::open::Run;
use super::schema::{self, column_name};
use crate::filter::{AttributeValue, Attributes};
use crate::store::entry::{Change, FileEntry, RowRange};

/// Decodes a leaf, or only the columns in `projection`, where `body` may hold anything in the
/// place of the others.
pub(super) fn decode(
    run: &Run,
    leaf: &LeafRef,
    head: &[u8],
    body: &Buffer,
    projection: Option<&[usize]>,
) -> Result<RecordBatch, RunError> {
    let broken = || run.corrupt("a leaf does not decode");
    let message = head.get(8..).ok_or_else(broken)?;
    let message = root_as_message(message).map_err(|_| broken())?;
    let batch = message.header_as_record_batch().ok_or_else(broken)?;
    let size = body.len() as i64;
    let widths = widths(&run.shape.schema).ok_or_else(broken)?;
    let nodes = batch.nodes().into_iter().flatten();
    let buffers = batch.buffers().into_iter().flatten();
    // Arrow takes these as they are.
    let bounded = batch.length() == i64::from(leaf.rows)
        && batch.compression().is_none()
        && nodes.into_iter().all(|node| {
            (0..=size.max(batch.length())).contains(&node.length())
                && (0..=node.length()).contains(&node.null_count())
        })
        && batch.buffers().map_or(0, |buffers| buffers.len()) == widths.len()
        && buffers.into_iter().zip(widths).all(|(buffer, width)| {
            let end = buffer.offset().checked_add(buffer.length());
            buffer.offset() >= 0
                && buffer.length() >= 0
                && buffer.length() % width == 0
                && end.is_some_and(|end| end <= size)
        });
    if !bounded {
        return Err(broken());
    }
    let schema = run.shape.schema.clone();
    let version = message.version();
    read_record_batch(body, batch, schema, &HashMap::new(), projection, &version)
        .map_err(|_| broken())
}

/// Of each buffer of a batch, in order, the bytes of one of its elements: Arrow panics where a buffer
/// ends within one. None where the schema has a type that no run has.
fn widths(schema: &Schema) -> Option<Vec<i64>> {
    const BITS: i64 = 1;
    const OFFSET: i64 = 4;
    fn add(kind: &DataType, widths: &mut Vec<i64>) -> Option<()> {
        widths.push(BITS);
        match kind {
            DataType::Boolean => widths.push(BITS),
            DataType::Utf8 => widths.extend([OFFSET, 1]),
            DataType::List(items) => {
                widths.push(OFFSET);
                add(items.data_type(), widths)?;
            }
            DataType::Struct(fields) => {
                for field in fields {
                    add(field.data_type(), widths)?;
                }
            }
            other => widths.push(i64::try_from(other.primitive_width()?).ok()?),
        }
        Some(())
    }
    let mut all = Vec::new();
    for field in schema.fields() {
        add(field.data_type(), &mut all)?;
    }
    Some(all)
}

/// The columns of a leaf that every reader needs.
pub(super) struct Entries<'a> {
    run: &'a Run,
    ids: &'a StringArray,
    deleted: &'a BooleanArray,
    rows: &'a ListArray,
    segments: &'a StringArray,
    firsts: &'a UInt32Array,
    counts: &'a UInt32Array,
    attributes: Vec<(&'a str, Values<'a>)>,
    rest: Option<&'a StringArray>,
}

/// The columns that only a whole change needs.
pub(super) struct Details<'a> {
    filename: &'a StringArray,
    ingest_id: &'a StringArray,
    created_at: &'a UInt64Array,
    usage_bytes: &'a UInt64Array,
    chunking: &'a StringArray,
}

enum Values<'a> {
    Bool(&'a BooleanArray),
    Number(&'a Float64Array),
    Text(&'a StringArray),
}

impl<'a> Entries<'a> {
    /// Of a decoded leaf. Attributes that were not decoded are left out.
    pub(super) fn of(run: &'a Run, batch: &'a RecordBatch) -> Result<Self, RunError> {
        Self::columns(run, batch)
            .filter(Self::is_sorted)
            .ok_or_else(|| run.corrupt("a leaf has other columns than were written"))
    }

    fn columns(run: &'a Run, batch: &'a RecordBatch) -> Option<Self> {
        let rows = batch.column_by_name(schema::ROWS)?.as_list_opt::<i32>()?;
        let ranges = rows.values().as_struct_opt()?;
        let decoded = |column: &'a Column| {
            let array = batch.column_by_name(&column_name(column))?;
            let values = match column.kind {
                Kind::Bool => Values::Bool(array.as_boolean_opt()?),
                Kind::Number => Values::Number(array.as_primitive_opt::<Float64Type>()?),
                Kind::Text => Values::Text(array.as_string_opt()?),
            };
            Some((column.name.as_str(), values))
        };
        Some(Self {
            run,
            ids: text(batch, schema::FILE_ID)?,
            deleted: batch.column_by_name(schema::DELETED)?.as_boolean_opt()?,
            rows,
            segments: ranges.column(0).as_string_opt()?,
            firsts: ranges.column(1).as_primitive_opt::<UInt32Type>()?,
            counts: ranges.column(2).as_primitive_opt::<UInt32Type>()?,
            attributes: run.shape.columns.iter().filter_map(decoded).collect(),
            rest: text(batch, schema::ATTRIBUTES),
        })
    }

    fn is_sorted(&self) -> bool {
        self.ids().is_sorted_by(|one, next| one < next)
    }

    /// The file ids, in order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        let ids = self.ids;
        (0..ids.len()).map(|entry| ids.value(entry))
    }

    /// Where the file is, if it is in this leaf.
    pub(super) fn find(&self, file_id: &str) -> Option<usize> {
        self.ids().position(|id| id == file_id)
    }

    pub(super) fn id(&self, entry: usize) -> &'a str {
        self.ids.value(entry)
    }

    pub(super) fn is_deleted(&self, entry: usize) -> bool {
        self.deleted.value(entry)
    }

    pub(super) fn rows(&self, entry: usize) -> Vec<RowRange> {
        let offsets = self.rows.value_offsets();
        let range = |at: usize| RowRange {
            segment: self.segments.value(at).to_owned(),
            first: self.firsts.value(at),
            rows: self.counts.value(at),
        };
        let [start, end] = [offsets[entry], offsets[entry + 1]].map(|at| at as usize);
        (start..end).map(range).collect()
    }

    /// The attributes that `wanted` lets through.
    pub(super) fn attributes(
        &self,
        entry: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Attributes, RunError> {
        let mut attributes = Attributes::new();
        if let Some(rest) = self.rest.filter(|rest| !rest.is_null(entry)) {
            attributes = serde_json::from_str(rest.value(entry))
                .map_err(|_| self.run.corrupt("attributes do not parse"))?;
            attributes.retain(|name, _| wanted(name));
        }
        for (name, values) in &self.attributes {
            if let Some(value) = values.at(entry).filter(|_| wanted(name)) {
                attributes.insert((*name).to_owned(), value);
            }
        }
        Ok(attributes)
    }

    /// A whole change.
    pub(super) fn change(&self, details: &Details<'_>, entry: usize) -> Result<Change, RunError> {
        let file_id = self.id(entry).to_owned();
        if self.is_deleted(entry) {
            return Ok(Change::Delete { file_id });
        }
        let chunking = serde_json::from_str(details.chunking.value(entry))
            .map_err(|_| self.run.corrupt("a chunking strategy does not parse"))?;
        Ok(Change::Put(FileEntry {
            file_id,
            filename: details.filename.value(entry).to_owned(),
            ingest_id: details.ingest_id.value(entry).to_owned(),
            created_at: details.created_at.value(entry),
            usage_bytes: details.usage_bytes.value(entry),
            chunking,
            attributes: self.attributes(entry, |_| true)?,
            rows: self.rows(entry),
        }))
    }
}

impl<'a> Details<'a> {
    /// Of a leaf that was decoded whole.
    pub(super) fn of(run: &Run, batch: &'a RecordBatch) -> Result<Self, RunError> {
        let number = |name| {
            let array = batch.column_by_name(name)?;
            array.as_primitive_opt::<UInt64Type>()
        };
        let details = || {
            Some(Self {
                filename: text(batch, schema::FILENAME)?,
                ingest_id: text(batch, schema::INGEST_ID)?,
                created_at: number(schema::CREATED_AT)?,
                usage_bytes: number(schema::USAGE_BYTES)?,
                chunking: text(batch, schema::CHUNKING)?,
            })
        };
        details().ok_or_else(|| run.corrupt("a leaf has other columns than were written"))
    }
}

impl Values<'_> {
    fn at(&self, entry: usize) -> Option<AttributeValue> {
        match self {
            Self::Bool(values) => {
                (!values.is_null(entry)).then(|| AttributeValue::Bool(values.value(entry)))
            }
            Self::Number(values) => {
                (!values.is_null(entry)).then(|| AttributeValue::Number(values.value(entry)))
            }
            Self::Text(values) => (!values.is_null(entry))
                .then(|| AttributeValue::Text(values.value(entry).to_owned())),
        }
    }
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a StringArray> {
    batch.column_by_name(name)?.as_string_opt()
}
