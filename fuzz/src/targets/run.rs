//! Runs of file entries, read by every way there is. Their checksums hold, whatever the bytes: this
//! build is told so.

use std::collections::BTreeSet;

use dayfly_core::objects::{MemoryObjects, Objects};
use dayfly_core::store::runs::{
    self, Bounds, Cursor, Direction, RunRef, attribute_columns, find, verify,
};

use super::MIB;
use super::changes::{examples, written};
use super::store::{home, sha256};
use crate::{Input, Seed, Target};

pub const TARGET: Target = Target {
    name: "run",
    run,
    most_bytes: 24 * MIB,
    seeds,
};

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (tail_at, tail_bytes, entries) = (input.u32(), input.u32(), input.u16());
    let object = input.rest();
    let tail_end = (tail_at as usize).saturating_add(tail_bytes as usize);
    let tail = object.get(tail_at as usize..tail_end).unwrap_or_default();
    let run = RunRef {
        id: "r".to_owned(),
        entries: entries.into(),
        bytes: object.len() as u64,
        tail_at: tail_at.into(),
        tail_bytes,
        tail_sha256: sha256(tail),
        first: "file-".to_owned(),
        last: "file-~".to_owned(),
        from: 1,
        to: 1,
    };
    let objects = MemoryObjects::default();
    objects.put(&run.key(&home()), object).unwrap();
    let runs = [run];
    if attribute_columns(&objects, &home(), &runs).is_err() {
        return;
    }
    let _ = verify(&objects, &home(), &runs[0]);
    let _ = find(&objects, &home(), &runs, &["file-1", "file-3", "file-70"]);
    for names in [&["author", "year", "rare"][..], &[]] {
        let names: BTreeSet<&str> = names.iter().copied().collect();
        let _ = runs::scan(&objects, &home(), &runs, &names, |_| {});
    }
    let all = |direction| {
        let cursor = Cursor::new(&objects, &home(), &runs, Bounds::default(), direction).ok()?;
        cursor.collect::<Result<Vec<_>, _>>().ok()
    };
    let (ascending, descending) = (all(Direction::Ascending), all(Direction::Descending));
    if let (Some(ascending), Some(descending)) = (ascending, descending) {
        assert_eq!(ascending.len(), descending.len());
    }
    let some = Bounds {
        after: Some("file-1"),
        before: Some("file-5"),
    };
    if let Ok(cursor) = Cursor::new(&objects, &home(), &runs, some, Direction::Ascending) {
        for change in cursor.map_while(Result::ok) {
            assert!(
                ("file-1".."file-5").contains(&change.file_id()) && change.file_id() != "file-1"
            );
        }
    }
}

fn seeds() -> Vec<Seed> {
    let of = |name: &str, files: u32| {
        let objects = MemoryObjects::default();
        let run = written(&objects, &examples(files)).unwrap();
        let mut input = (run.tail_at as u32).to_le_bytes().to_vec();
        input.extend(run.tail_bytes.to_le_bytes());
        input.extend((run.entries as u16).to_le_bytes());
        input.extend(objects.get(&run.key(&home())).unwrap());
        Seed::new(name, input)
    };
    vec![of("one", 1), of("few", 6), of("two-leaves", 70)]
}
