//! Random runs against what they should hold.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

type Model = BTreeMap<String, Change>;

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0..400_usize).prop_map(numbered),
        1 => "[a-zé\u{10000}-\u{10010}]{0,6}",
    ]
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(&["author", "year", "ü\u{0}\"", "", "tags"][..])
            .prop_map(str::to_owned),
        3 => (0..90_usize).prop_map(|number| format!("name {number}")),
    ]
}

fn values() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(AttributeValue::Number),
        any::<i32>().prop_map(|number| AttributeValue::Number(f64::from(number))),
        "\\PC{0,12}".prop_map(AttributeValue::Text),
        (0..20_000_usize).prop_map(|length| AttributeValue::Text("é".repeat(length / 20))),
        Just(AttributeValue::Text("x".repeat(40_000))),
    ]
}

fn rows() -> impl Strategy<Value = Vec<RowRange>> {
    let range = ("s[0-9]{3}", any::<u32>(), 1..u32::MAX);
    let range = range.prop_map(|(segment, first, rows)| RowRange {
        segment,
        first,
        rows,
    });
    vec(range, 0..4)
}

fn files() -> impl Strategy<Value = Option<FileEntry>> {
    let entry = (
        "\\PC{0,10}",
        btree_map(names(), values(), 0..6),
        rows(),
        any::<u64>(),
        any::<bool>(),
    );
    let entry = entry.prop_map(|(filename, attributes, rows, number, auto)| FileEntry {
        file_id: String::new(),
        ingest_id: format!("in-{number}"),
        filename,
        created_at: number,
        usage_bytes: number / 3,
        chunking: match auto {
            true => ChunkingStrategy::Auto,
            false => ChunkingStrategy::Characters {
                max_chunk_size_chars: 500,
                chunk_overlap_chars: 7,
            },
        },
        attributes,
        rows,
    });
    option::weighted(0.8, entry)
}

/// Changes of one run. The rest of a large run follows from few, to be quick.
fn run() -> impl Strategy<Value = Model> {
    let sizes = prop_oneof![4 => 1..20_usize, 1 => 100..250_usize];
    let some = sizes.prop_flat_map(|size| (vec(files(), 1..8), vec(ids(), size)));
    some.prop_map(|(files, ids)| {
        let change = |(number, id): (usize, String)| {
            let change = match files[number % files.len()].clone() {
                Some(file) => Change::Put(FileEntry {
                    file_id: id.clone(),
                    filename: format!("{number} {}", file.filename),
                    ..file
                }),
                None => delete(&id),
            };
            (id, change)
        };
        ids.into_iter().enumerate().map(change).collect()
    })
}

/// Writes the runs, newest first; the columns are those of some run, not always of its own.
fn store(objects: &MemoryObjects, runs: &[Model]) -> (Vec<RunRef>, Model) {
    let mut written = Vec::new();
    let mut truth = Model::new();
    for (number, run) in runs.iter().enumerate() {
        let changes: Vec<Change> = run.values().cloned().collect();
        let columns = columns_of(runs[number / 2].values());
        written.push(write_with(
            objects,
            &format!("r{number}"),
            &changes,
            &columns,
        ));
        for (id, change) in run {
            truth.entry(id.clone()).or_insert_with(|| change.clone());
        }
    }
    (written, truth)
}

fn scanned(change: &Change, names: &BTreeSet<&str>) -> ScannedFile {
    let file = change.file();
    let attributes = file.map(|file| file.attributes.clone()).unwrap_or_default();
    ScannedFile {
        file_id: change.file_id().to_owned(),
        deleted: file.is_none(),
        attributes: attributes
            .into_iter()
            .filter(|(name, _)| names.contains(name.as_str()))
            .collect(),
        rows: file.map(|file| file.rows.clone()).unwrap_or_default(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 96,
        ..ProptestConfig::default()
    })]

    #[test]
    fn runs_answer_like_a_map_of_the_newest_changes(
        runs in vec(run(), 1..5),
        sought in vec(ids(), 0..12),
        after in option::of(ids()),
        before in option::of(ids()),
        names in vec(names(), 0..4),
    ) {
        let objects = MemoryObjects::default();
        let (written, truth) = store(&objects, &runs);

        let sought: Vec<&str> = sought.iter().map(String::as_str).collect();
        let expected: Model = truth
            .iter()
            .filter(|(id, _)| sought.contains(&id.as_str()))
            .map(|(id, change)| (id.clone(), change.clone()))
            .collect();
        prop_assert_eq!(find(&objects, &home(), &written, &sought).unwrap(), expected);

        let bounds = Bounds { after: after.as_deref(), before: before.as_deref() };
        let mut expected: Vec<Change> = truth
            .iter()
            .filter(|(id, _)| after.as_ref().is_none_or(|after| after < *id))
            .filter(|(id, _)| before.as_ref().is_none_or(|before| *id < before))
            .map(|(_, change)| change.clone())
            .collect();
        for direction in [Direction::Ascending, Direction::Descending] {
            let cursor = Cursor::new(&objects, &home(), &written, bounds, direction).unwrap();
            let got: Vec<Change> = cursor.map(Result::unwrap).collect();
            prop_assert_eq!(&got, &expected);
            expected.reverse();
        }

        let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let mut got = Vec::new();
        scan(&objects, &home(), &written, &names, |file| got.push(file)).unwrap();
        let expected: Vec<ScannedFile> =
            truth.values().map(|change| scanned(change, &names)).collect();
        prop_assert_eq!(got, expected);

        for run in &written {
            verify(&objects, &home(), run).unwrap();
        }
    }
}
