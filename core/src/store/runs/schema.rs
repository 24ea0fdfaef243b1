//! The columns of a run, in their order.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Metadata, Schema, SchemaRef};

use super::FORMAT_VERSION;
use super::columns::{Column, Kind};
use crate::home::Home;

pub(super) const FILE_ID: &str = "file_id";
pub(super) const DELETED: &str = "deleted";
pub(super) const ROWS: &str = "rows";
pub(super) const ATTRIBUTES: &str = "attributes";
pub(super) const FILENAME: &str = "filename";
pub(super) const INGEST_ID: &str = "ingest_id";
pub(super) const CREATED_AT: &str = "created_at";
pub(super) const USAGE_BYTES: &str = "usage_bytes";
pub(super) const CHUNKING: &str = "chunking";

/// `file_id`, `deleted` and `rows`, which every scan reads.
pub(super) const LEADING: usize = 3;

/// The schema of a run's Arrow file.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub schema: SchemaRef,
    /// The attributes' columns, by name and type; they follow the leading ones.
    pub columns: Vec<Column>,
}

impl Shape {
    pub(super) fn new(home: &Home, columns: Vec<Column>) -> Self {
        let mut fields = vec![
            Field::new(FILE_ID, DataType::Utf8, false),
            Field::new(DELETED, DataType::Boolean, false),
            Field::new(ROWS, DataType::List(Arc::new(row_range())), true),
        ];
        fields.extend(columns.iter().map(field_of));
        fields.extend([
            Field::new(ATTRIBUTES, DataType::Utf8, true),
            Field::new(FILENAME, DataType::Utf8, true),
            Field::new(INGEST_ID, DataType::Utf8, true),
            Field::new(CREATED_AT, DataType::UInt64, true),
            Field::new(USAGE_BYTES, DataType::UInt64, true),
            Field::new(CHUNKING, DataType::Utf8, true),
        ]);
        let metadata = Metadata::new()
            .with("dayfly.format_version", FORMAT_VERSION.to_string())
            .with("dayfly.store", home.store.as_str())
            .with("dayfly.incarnation", home.incarnation.as_str());
        Self {
            schema: Arc::new(Schema::new_with_metadata(fields, metadata)),
            columns,
        }
    }

    /// How many columns there are.
    pub(super) fn width(&self) -> usize {
        self.schema.fields().len()
    }

    /// Where the attributes without a column are.
    pub(super) fn rest(&self) -> usize {
        LEADING + self.columns.len()
    }

    /// Whether the values of this type of an attribute have a column.
    pub(super) fn has(&self, name: &str, kind: Kind) -> bool {
        let order = |column: &Column| (column.name.as_str(), column.kind).cmp(&(name, kind));
        self.columns.binary_search_by(order).is_ok()
    }

    /// Whether an attribute has a column, of whatever type.
    pub(super) fn has_name(&self, name: &str) -> bool {
        let order = |column: &Column| column.name.as_str().cmp(name);
        self.columns.binary_search_by(order).is_ok()
    }
}

/// What an attribute's column is called.
pub(super) fn column_name(column: &Column) -> String {
    let kind = match column.kind {
        Kind::Bool => "bool",
        Kind::Number => "number",
        Kind::Text => "text",
    };
    format!("attr.{kind}:{}", column.name)
}

/// The fields of a range of rows.
pub(super) fn row_fields() -> Fields {
    Fields::from(vec![
        Field::new("segment", DataType::Utf8, false),
        Field::new("first", DataType::UInt32, false),
        Field::new("rows", DataType::UInt32, false),
    ])
}

/// An item of the list of a file's ranges of rows.
pub(super) fn row_range() -> Field {
    Field::new("item", DataType::Struct(row_fields()), false)
}

fn field_of(column: &Column) -> Field {
    let data_type = match column.kind {
        Kind::Bool => DataType::Boolean,
        Kind::Number => DataType::Float64,
        Kind::Text => DataType::Utf8,
    };
    Field::new(column_name(column), data_type, true)
}

/// How many buffers Arrow writes for a column of this type.
pub(super) fn buffers_of(data_type: &DataType) -> usize {
    match data_type {
        DataType::Utf8 => 3,
        DataType::List(item) => 2 + buffers_of(item.data_type()),
        DataType::Struct(fields) => {
            let inner = fields.iter().map(|field| buffers_of(field.data_type()));
            1 + inner.sum::<usize>()
        }
        _ => 2,
    }
}
