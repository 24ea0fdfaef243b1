//! Changes of files: what a run is written from is what every way of reading it tells.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::chunk::ChunkingStrategy;
use dayfly_core::filter::{AttributeValue, Attributes};
use dayfly_core::objects::MemoryObjects;
use dayfly_core::store::runs::{
    AttributeColumns, Bounds, Cursor, Direction, RunError, RunRef, RunWriter, ScannedFile, find,
    scan, verify,
};
use dayfly_core::store::{Change, FileEntry, RowRange};

use super::MIB;
use super::store::home;
use crate::{Seed, Target};

pub const TARGET: Target = Target {
    name: "changes",
    run,
    most_bytes: 24 * MIB,
    seeds,
};

fn run(bytes: &[u8]) {
    let Ok(changes) = serde_json::from_slice::<Vec<Change>>(bytes) else {
        return;
    };
    let by_id = changes
        .into_iter()
        .map(|one| (one.file_id().to_owned(), one));
    let by_id: BTreeMap<String, Change> = by_id.collect();
    let changes: Vec<Change> = by_id.into_values().collect();
    let objects = MemoryObjects::default();
    let Ok(run) = written(&objects, &changes) else {
        return;
    };
    verify(&objects, &home(), &run).unwrap();
    let runs = [run];
    let cursor = |direction| {
        let cursor = Cursor::new(&objects, &home(), &runs, Bounds::default(), direction).unwrap();
        cursor.map(Result::unwrap)
    };
    assert!(cursor(Direction::Ascending).eq(changes.iter().cloned()));
    assert!(cursor(Direction::Descending).eq(changes.iter().rev().cloned()));
    let ids: Vec<&str> = changes.iter().map(Change::file_id).collect();
    let found = find(&objects, &home(), &runs, &ids).unwrap();
    assert!(found.into_values().eq(changes.iter().cloned()));
    scanned(&objects, &runs, &changes);
}

/// A scan tells the attributes that it is asked for, wherever they are kept.
fn scanned(objects: &MemoryObjects, runs: &[RunRef], changes: &[Change]) {
    let files = changes.iter().filter_map(Change::file);
    let all: BTreeSet<&str> = files
        .flat_map(|file| file.attributes.keys().map(String::as_str))
        .collect();
    let half = all.iter().copied().step_by(2).collect();
    for names in [all, half] {
        let mut told = Vec::new();
        scan(objects, &home(), runs, &names, |file| told.push(file)).unwrap();
        let expected = changes.iter().map(|change| expected(change, &names));
        assert!(told.into_iter().eq(expected));
    }
}

fn expected(change: &Change, names: &BTreeSet<&str>) -> ScannedFile {
    let named = |(name, _): &(&String, &AttributeValue)| names.contains(name.as_str());
    let own = |(name, value): (&String, &AttributeValue)| (name.clone(), value.clone());
    let file = change.file();
    ScannedFile {
        file_id: change.file_id().to_owned(),
        deleted: file.is_none(),
        attributes: file.map_or_else(Attributes::new, |file| {
            file.attributes.iter().filter(named).map(own).collect()
        }),
        rows: file.map_or_else(Vec::new, |file| file.rows.clone()),
    }
}

/// A run of changes, which are in order.
pub fn written(objects: &MemoryObjects, changes: &[Change]) -> Result<RunRef, RunError> {
    let mut columns = AttributeColumns::default();
    // The last file's attributes get no columns.
    for change in changes.iter().take(changes.len().saturating_sub(1).max(1)) {
        columns.observe(change);
    }
    let mut writer = RunWriter::create(objects, &home(), "r", &columns)?;
    for change in changes {
        writer.push(change)?;
    }
    writer.finish(1, 1)
}

/// Some changes, in order.
pub fn examples(count: u32) -> Vec<Change> {
    let change = |number: u32| {
        let file_id = format!("file-{number:02}");
        if number % 5 == 4 {
            return Change::Delete { file_id };
        }
        let mut attributes = Attributes::from([
            ("author".to_owned(), AttributeValue::Text("É".to_owned())),
            ("year".to_owned(), AttributeValue::Number(number.into())),
        ]);
        if number + 1 == count {
            attributes.insert("rare".to_owned(), AttributeValue::Bool(true));
            attributes.insert("year".to_owned(), AttributeValue::Text("?".to_owned()));
        }
        let rows = |segment: u32| RowRange {
            segment: format!("s{segment}"),
            first: number,
            rows: 1 + segment,
        };
        Change::Put(FileEntry {
            filename: format!("{number}.txt"),
            ingest_id: "i".to_owned(),
            created_at: number.into(),
            usage_bytes: 100,
            chunking: ChunkingStrategy::Auto,
            attributes,
            rows: (0..number % 3).map(rows).collect(),
            file_id,
        })
    };
    (0..count).map(change).collect()
}

fn seeds() -> Vec<Seed> {
    let of = |count: u32| {
        let bytes = serde_json::to_vec(&examples(count)).unwrap();
        Seed::new(format!("{count}"), bytes)
    };
    [1, 2, 6].map(of).into()
}
