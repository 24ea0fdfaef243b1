//! Damaged objects give an error or the right answer.

use std::collections::BTreeSet;

use super::*;
use crate::objects::ObjectError;

/// A run whose index has pages, and names with and without columns.
fn sample(objects: &MemoryObjects, entries: usize) -> (RunRef, Vec<Change>) {
    let attributes = |number: usize| -> Attributes {
        [
            ("author".to_owned(), text("Lem")),
            (format!("rare {}", number % 3), AttributeValue::Bool(true)),
            ("year".to_owned(), AttributeValue::Number(number as f64)),
        ]
        .into()
    };
    let change = |number: usize| match number % 9 {
        8 => delete(&numbered(number)),
        _ => put(&numbered(number), attributes(number)),
    };
    let changes: Vec<Change> = (0..entries).map(change).collect();
    let mut columns = columns_of(&changes[..1]);
    columns.merge(&columns_of(&changes[1..2]));
    (write_with(objects, "r", &changes, &columns), changes)
}

/// Asks everything; what is answered must be right.
fn ask(objects: &MemoryObjects, run: &RunRef, changes: &[Change]) -> Vec<RunError> {
    let runs = std::slice::from_ref(run);
    let mut errors = Vec::new();
    let middle = changes[changes.len() / 2].file_id();
    match find(objects, &home(), runs, &[middle, "nobody"]) {
        Ok(found) => assert_eq!(found[middle], changes[changes.len() / 2]),
        Err(error) => errors.push(error),
    }
    let direction = Direction::Descending;
    match Cursor::new(objects, &home(), runs, Bounds::default(), direction) {
        Ok(cursor) => {
            let mut expected = changes.iter().rev();
            for got in cursor {
                match got {
                    Ok(change) => assert_eq!(Some(&change), expected.next()),
                    Err(error) => errors.push(error),
                }
            }
            assert!(expected.len() == 0 || !errors.is_empty());
        }
        Err(error) => errors.push(error),
    }
    let names = BTreeSet::from(["year", "rare 2"]);
    let mut expected = changes.iter();
    let scanned = scan(objects, &home(), runs, &names, |file| {
        let change = expected.next().unwrap();
        assert_eq!(file.file_id, change.file_id());
        if let Some(entry) = change.file() {
            let mut attributes = entry.attributes.clone();
            attributes.retain(|name, _| names.contains(name.as_str()));
            assert_eq!(file.attributes, attributes);
            assert_eq!(file.rows, entry.rows);
        }
    });
    errors.extend(scanned.err());
    errors
}

fn only_corrupt(errors: &[RunError]) {
    for error in errors {
        assert!(matches!(error, RunError::Corrupt { .. }), "{error}");
    }
}

#[test]
fn a_flipped_byte_is_noticed_or_not_needed() {
    let objects = MemoryObjects::default();
    let (run, changes) = sample(&objects, 200);
    let key = run.key(&home());
    let intact = objects.get(&key).unwrap();
    let mut noticed = 0;
    for at in (0..intact.len()).step_by(23) {
        let mut damaged = intact.clone();
        damaged[at] ^= 1 << (at % 8);
        objects.put(&key, &damaged).unwrap();
        let errors = ask(&objects, &run, &changes);
        only_corrupt(&errors);
        noticed += usize::from(!errors.is_empty());
        let verified = verify(&objects, &home(), &run);
        assert_eq!(verified.is_err(), !errors.is_empty());
    }
    assert!(noticed > intact.len() / 23 / 2);
}

#[test]
fn damaged_pages_are_noticed() {
    let objects = MemoryObjects::default();
    let (run, changes) = sample(&objects, 64 * 300);
    let key = run.key(&home());
    let intact = objects.get(&key).unwrap();
    let index = run.tail_at as usize - 60_000..(run.tail_at + u64::from(run.tail_bytes)) as usize;
    for at in index.step_by(9_973) {
        let mut damaged = intact.clone();
        damaged[at] ^= 0x10;
        objects.put(&key, &damaged).unwrap();
        let errors = ask(&objects, &run, &changes);
        assert!(!errors.is_empty(), "{at}");
        only_corrupt(&errors);
    }
}

#[test]
fn a_cut_or_missing_object_is_noticed() {
    let objects = MemoryObjects::default();
    let (run, changes) = sample(&objects, 300);
    let key = run.key(&home());
    let intact = objects.get(&key).unwrap();
    for keep in (0..run.tail_at as usize).step_by(4_001) {
        objects.put(&key, &intact[..keep]).unwrap();
        let errors = ask(&objects, &run, &changes);
        assert!(!errors.is_empty());
        only_corrupt(&errors);
        assert!(verify(&objects, &home(), &run).is_err());
    }
    objects.delete(&key).unwrap();
    let missing = RunError::Storage(ObjectError::NotFound);
    assert_eq!(
        ask(&objects, &run, &changes),
        [missing.clone(), missing.clone(), missing]
    );
}

#[test]
fn a_reference_that_cannot_be_is_refused() {
    let objects = MemoryObjects::default();
    let (run, changes) = sample(&objects, 100);
    let spoilt: [fn(&mut RunRef); 5] = [
        |run| run.tail_at = u64::MAX,
        |run| run.tail_bytes = u32::MAX,
        |run| run.tail_at -= 1,
        |run| run.tail_sha256.clear(),
        |run| run.bytes = 0,
    ];
    for spoil in spoilt {
        let mut run = run.clone();
        spoil(&mut run);
        let errors = ask(&objects, &run, &changes);
        assert_eq!(errors.len(), 3);
        only_corrupt(&errors);
    }
}

/// A root with a matching checksum, as whoever can write the manifest could make.
#[test]
fn an_index_that_leads_astray_gives_an_error() {
    use sha2::{Digest, Sha256};
    let objects = MemoryObjects::default();
    let (run, changes) = sample(&objects, 200);
    let key = run.key(&home());
    let intact = objects.get(&key).unwrap();
    let tail = run.tail_at as usize..(run.tail_at as usize + run.tail_bytes as usize);
    for at in tail.clone().step_by(3) {
        for digit in *b"09\"[" {
            let mut damaged = intact.clone();
            damaged[at] = digit;
            objects.put(&key, &damaged).unwrap();
            let mut run = run.clone();
            run.tail_sha256 = format!("{:x}", Sha256::digest(&damaged[tail.clone()]));
            // Names may become others, so the answers may differ; they must be answers.
            let runs = [run];
            let middle = changes[100].file_id();
            only_corrupt(find(&objects, &home(), &runs, &[middle]).err().as_slice());
            let names = BTreeSet::from(["year"]);
            let scanned = scan(&objects, &home(), &runs, &names, |_| {});
            only_corrupt(scanned.err().as_slice());
        }
    }
}
