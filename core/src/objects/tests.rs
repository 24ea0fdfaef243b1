use std::cell::Cell;

use super::*;
use crate::testing::{Hooked, Op};

/// Objects of those folders below `all/`, and how many lists it took to find those of `names`.
fn listed(objects: &MemoryObjects, names: &[&str]) -> (Vec<String>, u32) {
    let lists = Cell::new(0);
    let counting = Hooked::new(objects).before(|call| {
        lists.set(lists.get() + u32::from(call.op == Op::List));
        Ok(())
    });
    let found = counting.list_each("all/", &names.iter().copied().collect());
    let keys = found.unwrap().into_iter().map(|meta| meta.key).collect();
    (keys, lists.get())
}

fn fill(objects: &MemoryObjects, folder: &str, count: usize) {
    for number in 0..count {
        let key = format!("{folder}/{number:04}");
        objects.put(&key, b"").unwrap();
    }
}

#[test]
fn folders_are_listed_by_their_names_and_what_lies_between_is_passed_over() {
    let objects = MemoryObjects::default();
    for folder in ["all/a", "all/b", "all/b-c", "all/y", "all/z", "beside/a"] {
        fill(&objects, folder, 2);
    }
    fill(&objects, "all/m", 5_000);
    let all = |names: &[&str]| {
        let keys = names.iter().flat_map(|name| {
            let key = |number| format!("all/{name}/{number:04}");
            (0..2).map(key).collect::<Vec<_>>()
        });
        keys.collect::<Vec<_>>()
    };
    assert_eq!(listed(&objects, &[]), (vec![], 0));
    assert_eq!(listed(&objects, &["a"]), (all(&["a"]), 1));
    assert_eq!(listed(&objects, &["a", "none", "z"]), (all(&["a", "z"]), 2));
    // As their keys are sorted.
    let expected = all(&["a", "b-c", "b", "y", "z"]);
    assert_eq!(
        listed(&objects, &["a", "b", "b-c", "y", "z"]),
        (expected, 2)
    );
}

#[test]
fn a_folder_of_many_pages_is_listed_whole() {
    let objects = MemoryObjects::default();
    fill(&objects, "all/a", 2_500);
    fill(&objects, "all/b", 1);
    let (keys, lists) = listed(&objects, &["a", "b"]);
    assert_eq!((keys.len(), lists), (2_501, 3));
    fill(&objects, "all/0", 3_000);
    assert_eq!(listed(&objects, &["a", "b"]).1, 3);
}
