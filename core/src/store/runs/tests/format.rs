//! The file as other Arrow readers see it.

use std::io::Cursor as Bytes;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};

use super::*;

fn mixed() -> Vec<Change> {
    let attributes = |number: usize| -> Attributes {
        let year = match number % 3 {
            0 => AttributeValue::Number(2_000.0 + number as f64),
            1 => text("nineteen"),
            _ => AttributeValue::Bool(true),
        };
        [("year".to_owned(), year), ("author".to_owned(), text("É"))].into()
    };
    let change = |number: usize| match number % 5 {
        4 => delete(&numbered(number)),
        _ => put(&numbered(number), attributes(number)),
    };
    (0..20_000).map(change).collect()
}

fn check(batches: &[RecordBatch], changes: &[Change]) {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, changes.len());
    let names: Vec<String> = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names,
        [
            "file_id",
            "deleted",
            "rows",
            "attr.text:author",
            "attr.bool:year",
            "attr.number:year",
            "attr.text:year",
            "attributes",
            "filename",
            "ingest_id",
            "created_at",
            "usage_bytes",
            "chunking"
        ]
    );
    let ids = batches.iter().flat_map(|batch| {
        let ids = batch.column(0).as_string::<i32>();
        (0..ids.len()).map(|row| ids.value(row).to_owned())
    });
    assert!(ids.eq(changes.iter().map(|change| change.file_id().to_owned())));
    let first = &batches[0];
    assert!(first.column_by_name("filename").unwrap().is_null(4));
    assert!(first.column_by_name("rows").unwrap().is_null(4));
    assert_eq!(
        first.schema().metadata().get("dayfly.store").unwrap(),
        "vs_1"
    );
}

#[test]
fn readers_of_arrow_files_and_of_arrow_streams_read_a_run() {
    let objects = MemoryObjects::default();
    let changes = mixed();
    let run = write(&objects, "r", &changes);
    let bytes = objects.get(&run.key(&home())).unwrap();
    let file = FileReader::try_new(Bytes::new(&bytes), None).unwrap();
    check(&file.map(Result::unwrap).collect::<Vec<_>>(), &changes);
    let stream = StreamReader::try_new(Bytes::new(&bytes[8..]), None).unwrap();
    check(&stream.map(Result::unwrap).collect::<Vec<_>>(), &changes);
    assert_eq!(all(&objects, &[run], Direction::Ascending), changes);
}

#[test]
fn attributes_without_a_column_are_json() {
    let objects = MemoryObjects::default();
    let change = put("a", [("k".to_owned(), AttributeValue::Number(0.1))].into());
    let run = write_with(&objects, "r", &[change], &AttributeColumns::default());
    let bytes = objects.get(&run.key(&home())).unwrap();
    let mut file = FileReader::try_new(Bytes::new(&bytes), None).unwrap();
    let batch = file.next().unwrap().unwrap();
    let rest = batch.column_by_name("attributes").unwrap();
    assert_eq!(rest.as_string::<i32>().value(0), r#"{"k":0.1}"#);
}

#[test]
fn at_most_so_many_names_have_columns() {
    let objects = MemoryObjects::default();
    let change = |number: usize| {
        let name = |at: usize| (format!("name {at:03}"), text("x"));
        let names = (number * 16..number * 16 + 16).map(name);
        put(&numbered(number), names.collect())
    };
    let changes: Vec<Change> = (0..10).map(change).collect();
    let run = write(&objects, "r", &changes);
    let bytes = objects.get(&run.key(&home())).unwrap();
    let file = FileReader::try_new(Bytes::new(&bytes), None).unwrap();
    let schema = file.schema();
    let names = schema.fields().iter().map(|field| field.name());
    let columns = names.filter(|name| name.starts_with("attr."));
    assert_eq!(columns.count(), MAX_COLUMN_NAMES);
    assert_eq!(all(&objects, &[run], Direction::Descending).len(), 10);
}
