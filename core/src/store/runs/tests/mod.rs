mod counting;
mod damage;
mod format;
mod model;
mod reads;

use std::collections::BTreeMap;

use super::*;
use crate::chunk::ChunkingStrategy;
use crate::filter::{AttributeValue, Attributes};
use crate::home::Home;
use crate::objects::{MemoryObjects, Objects};
use crate::store::entry::{Change, FileEntry, RowRange};

fn home() -> Home {
    Home::new("vs_1", "i1")
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.to_owned())
}

/// A file whose other fields follow from its id.
fn put(id: &str, attributes: Attributes) -> Change {
    Change::Put(FileEntry {
        file_id: id.to_owned(),
        filename: format!("{id}.txt"),
        ingest_id: format!("in-{id}"),
        created_at: 1_700_000_000,
        usage_bytes: u64::MAX - id.len() as u64,
        chunking: ChunkingStrategy::Auto,
        attributes,
        rows: vec![RowRange {
            segment: "s0001".into(),
            first: 3,
            rows: 7,
        }],
    })
}

fn delete(id: &str) -> Change {
    Change::Delete {
        file_id: id.to_owned(),
    }
}

fn numbered(number: usize) -> String {
    format!("file-{number:08}")
}

fn columns_of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> AttributeColumns {
    let mut columns = AttributeColumns::default();
    for change in changes {
        columns.observe(change);
    }
    columns
}

fn write(objects: &dyn Objects, id: &str, changes: &[Change]) -> RunRef {
    write_with(objects, id, changes, &columns_of(changes))
}

fn write_with(
    objects: &dyn Objects,
    id: &str,
    changes: &[Change],
    columns: &AttributeColumns,
) -> RunRef {
    let mut writer = RunWriter::create(objects, &home(), id, columns).unwrap();
    for change in changes {
        writer.push(change).unwrap();
    }
    writer.finish(1, 2).unwrap()
}

/// A run of entries that are made as they are written.
fn write_many(objects: &dyn Objects, count: usize, entry: impl Fn(usize) -> Change) -> RunRef {
    let columns = columns_of((0..count.min(100)).map(&entry).collect::<Vec<_>>().iter());
    let mut writer = RunWriter::create(objects, &home(), "many", &columns).unwrap();
    for number in 0..count {
        writer.push(&entry(number)).unwrap();
    }
    writer.finish(1, 1).unwrap()
}

fn all(objects: &dyn Objects, runs: &[RunRef], direction: Direction) -> Vec<Change> {
    let cursor = Cursor::new(objects, &home(), runs, Bounds::default(), direction);
    cursor.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_run_takes_ascending_ids_and_finite_numbers_only() {
    let objects = MemoryObjects::default();
    let create = || {
        let columns = AttributeColumns::default();
        RunWriter::create(&objects, &home(), "r", &columns).unwrap()
    };
    let invalid = |result: Result<(), RunError>| matches!(result, Err(RunError::Invalid(_)));
    let mut writer = create();
    writer.push(&delete("b")).unwrap();
    assert!(invalid(writer.push(&delete("a"))));
    assert!(invalid(writer.push(&delete("b"))));
    assert!(invalid(
        writer.push(&delete(&"x".repeat(MAX_FILE_ID_BYTES + 1)))
    ));
    let nan = [("n".to_owned(), AttributeValue::Number(f64::NAN))];
    assert!(invalid(writer.push(&put("c", nan.into()))));
    writer.push(&delete("c")).unwrap();
    assert_eq!(writer.finish(4, 9).unwrap().entries, 2);
    assert!(matches!(create().finish(1, 1), Err(RunError::Invalid(_))));
    drop(create());
    assert_eq!(objects.list_all("").unwrap().len(), 1);
}

#[test]
fn a_reference_tells_what_a_run_spans() {
    let objects = MemoryObjects::default();
    let run = write(&objects, "r", &[delete("b"), put("d", Attributes::new())]);
    assert_eq!((run.first.as_str(), run.last.as_str()), ("b", "d"));
    assert_eq!((run.entries, run.from, run.to), (2, 1, 2));
    assert_eq!(run.bytes, objects.head(&run.key(&home())).unwrap().size);
    let spanned = ["a", "b", "c", "d", "e"].map(|id| run.spans(id));
    assert_eq!(spanned, [false, true, true, true, false]);
    let text = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<RunRef>(&text).unwrap(), run);
    verify(&objects, &home(), &run).unwrap();
}

#[test]
fn the_columns_of_a_merge_come_from_the_runs() {
    let objects = MemoryObjects::default();
    let with = |id: &str, names: &[&str]| {
        let attributes = names.iter().map(|name| ((*name).to_owned(), text("x")));
        put(id, attributes.collect())
    };
    let first = [with("a", &["one"]), with("b", &["one", "two"])];
    let second = [with("c", &["two", "three"]), with("d", &["two"])];
    let none = AttributeColumns::default();
    let runs = [
        write(&objects, "1", &first),
        write_with(&objects, "2", &second, &none),
    ];
    let columns = attribute_columns(&objects, &home(), &runs).unwrap();
    assert_eq!(columns, columns_of(first.iter().chain(&second)));
    let merged = all(&objects, &runs, Direction::Ascending);
    let run = write_with(&objects, "3", &merged, &columns);
    assert_eq!(all(&objects, &[run], Direction::Ascending), merged);
}

#[test]
fn no_runs_hold_nothing() {
    let objects = MemoryObjects::default();
    assert_eq!(
        find(&objects, &home(), &[], &["a"]).unwrap(),
        BTreeMap::new()
    );
    assert!(all(&objects, &[], Direction::Descending).is_empty());
    let names = std::collections::BTreeSet::new();
    scan(&objects, &home(), &[], &names, |_| unreachable!()).unwrap();
}
