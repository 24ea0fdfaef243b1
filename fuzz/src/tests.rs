use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{Seed, TARGETS};

/// The inputs in the repository, by their targets.
fn stored(target: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let files = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = |file: fs::DirEntry| {
        let name = file.file_name().into_string().unwrap();
        (name, fs::read(file.path()).unwrap())
    };
    files.map(named).collect()
}

#[test]
fn seeds_are_what_the_code_makes_today() {
    for target in TARGETS {
        let stored = stored(target.name);
        for Seed { name, bytes } in (target.seeds)() {
            assert!(
                stored.get(&name) == Some(&bytes),
                "{} {name}: run `cargo xtask fuzz --seeds`, and commit what changes",
                target.name
            );
        }
    }
}

#[test]
fn every_promise_holds_for_seeds_and_what_is_left_of_them() {
    for target in TARGETS {
        for input in stored(target.name).values() {
            let length = input.len();
            for end in [length, length.saturating_sub(1), length / 2, 4, 0] {
                (target.run)(&input[..end.min(length)]);
            }
        }
    }
}
