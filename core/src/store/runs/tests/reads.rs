//! How much is read, and in how many rounds.

use std::collections::BTreeSet;

use super::counting::{Counting, Counts};
use super::*;

fn typical(number: usize) -> Change {
    let attributes = [
        ("author".to_owned(), text("Stanisław Lem")),
        ("year".to_owned(), AttributeValue::Number(1961.0)),
    ];
    put(&numbered(number), attributes.into())
}

fn tiny(number: usize) -> Change {
    put(&numbered(number), Attributes::new())
}

fn find_one(objects: &Counting, run: &RunRef, number: usize) -> Counts {
    objects.take();
    let id = numbered(number);
    let found = find(objects, &home(), std::slice::from_ref(run), &[&id]).unwrap();
    assert_eq!(found[&id].file_id(), id);
    objects.take()
}

#[test]
fn one_file_of_ten_thousand_takes_two_reads() {
    let objects = Counting::default();
    let run = write_many(&objects, 10_000, typical);
    for number in [0, 1, 4_999, 9_999] {
        let counts = find_one(&objects, &run, number);
        assert_eq!((counts.rounds, counts.reads), (2, 2));
        assert!(counts.bytes < 120 << 10, "{counts:?}");
    }
}

#[test]
fn one_file_of_very_many_takes_three_reads_and_a_page_a_few() {
    let objects = Counting::default();
    let run = write_many(&objects, 300_000, tiny);
    for number in [0, 123_456, 299_999] {
        let counts = find_one(&objects, &run, number);
        assert_eq!((counts.rounds, counts.reads), (3, 3));
        assert!(counts.bytes < 120 << 10, "{counts:?}");
    }

    let runs = std::slice::from_ref(&run);
    let after = numbered(200_000);
    let bounds = Bounds {
        after: Some(&after),
        before: None,
    };
    let cursor = Cursor::new(&objects, &home(), runs, bounds, Direction::Ascending).unwrap();
    let page: Vec<Change> = cursor.take(20).map(Result::unwrap).collect();
    let expected: Vec<Change> = (200_001..200_021).map(tiny).collect();
    assert_eq!(page, expected);
    let counts = objects.take();
    assert!(counts.rounds <= 4 && counts.bytes < 160 << 10, "{counts:?}");

    let everything = all(&objects, runs, Direction::Ascending);
    assert_eq!(everything.len(), 300_000);
    let counts = objects.take();
    assert!(counts.largest_round <= 2 << 20, "{counts:?}");
    let few = run.bytes as usize / (900 << 10) + 20;
    assert!(counts.rounds <= few, "{counts:?} {few}");
}

#[test]
fn several_runs_and_files_are_read_in_the_same_rounds() {
    let objects = Counting::default();
    let large: Vec<Change> = (0..20_000).map(typical).collect();
    let runs = [
        write(&objects, "1", &[delete("file-00000500")]),
        write(&objects, "2", &[delete("file-9")]),
        write(&objects, "3", &large[..1_000]),
        write(&objects, "4", &large),
    ];
    let ids = [500, 600, 700, 19_000].map(numbered);
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let found = find(&objects, &home(), &runs, &ids).unwrap();
    assert_eq!(found.len(), 4);
    assert!(found[ids[0]].file().is_none());
    let counts = objects.take();
    assert_eq!(counts.rounds, 3);

    let bounds = Bounds::default();
    let cursor = Cursor::new(&objects, &home(), &runs, bounds, Direction::Descending).unwrap();
    let page: Vec<Change> = cursor.take(20).map(Result::unwrap).collect();
    assert_eq!(page[0], delete("file-9"));
    assert_eq!(page[19], large[19_981]);
    let counts = objects.take();
    assert!(counts.rounds <= 4, "{counts:?}");
}

#[test]
fn a_run_that_cannot_hold_a_file_is_not_read() {
    let objects = Counting::default();
    let run = write(&objects, "r", &[tiny(5), tiny(7)]);
    let runs = [run];
    let ids = [numbered(4), numbered(8)];
    let found = find(&objects, &home(), &runs, &[&ids[0], &ids[1]]).unwrap();
    assert!(found.is_empty());
    let bounds = Bounds {
        after: Some(&ids[1]),
        before: None,
    };
    let cursor = Cursor::new(&objects, &home(), &runs, bounds, Direction::Ascending).unwrap();
    assert_eq!(cursor.count(), 0);
    assert_eq!(objects.take(), Counts::default());
}

#[test]
fn a_scan_leaves_out_the_columns_that_it_does_not_need() {
    let objects = Counting::default();
    let large = "x".repeat(510);
    let entry = |number: usize| {
        let other = |at: usize| (format!("{at:02} other"), text(&large.repeat(2)));
        let mut attributes: Attributes = (0..10).map(other).collect();
        let year = AttributeValue::Number(number as f64);
        attributes.insert("05 year".into(), year);
        put(&numbered(number), attributes)
    };
    let run = write_many(&objects, 1_500, entry);
    let names = BTreeSet::from(["05 year", "nothing"]);
    let mut sum = 0.0;
    scan(
        &objects,
        &home(),
        std::slice::from_ref(&run),
        &names,
        |file| {
            if let AttributeValue::Number(year) = file.attributes["05 year"] {
                sum += year;
            }
        },
    )
    .unwrap();
    assert_eq!(sum, (0..1_500).sum::<i32>() as f64);
    let counts = objects.take();
    assert!(counts.bytes < run.bytes / 4, "{counts:?} of {}", run.bytes);
}

#[test]
fn a_scan_of_small_files_reads_in_large_pieces() {
    let objects = Counting::default();
    let run = write_many(&objects, 50_000, typical);
    let names = BTreeSet::from(["year"]);
    let mut files = 0;
    scan(
        &objects,
        &home(),
        std::slice::from_ref(&run),
        &names,
        |_| files += 1,
    )
    .unwrap();
    assert_eq!(files, 50_000);
    let counts = objects.take();
    assert!(counts.bytes < run.bytes, "{counts:?} of {}", run.bytes);
    assert!(counts.largest_round <= 3 << 20, "{counts:?}");
    assert!(counts.rounds < 40 && counts.reads < 80, "{counts:?}");
}

#[test]
fn a_run_is_sent_leaf_by_leaf() {
    let objects = Counting::default();
    let run = write_many(&objects, 10_000, typical);
    let pieces = objects.pieces();
    assert_eq!(pieces.iter().sum::<usize>() as u64, run.bytes);
    assert!(pieces.len() > 10_000 / LEAF_ENTRIES);
    assert!(pieces.iter().all(|bytes| *bytes < 64 << 10), "{pieces:?}");
}
