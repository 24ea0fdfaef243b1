use std::collections::BTreeSet;

use proptest::collection::btree_set;
use proptest::prelude::*;

use super::*;

/// Keys of which some are folders to others, with names around `/` in the order of bytes.
fn keys() -> impl Strategy<Value = BTreeSet<String>> {
    let name = prop_oneof![
        4 => prop::sample::select(vec!["a", "a-", "a-b", "a.b", "a=", "a=b", "b", "0", "_", "A"])
            .prop_map(str::to_owned),
        1 => "[-A-Za-z0-9_=]{1,3}",
    ];
    let key = prop::collection::vec(name, 1..5).prop_map(|names| names.join("/"));
    btree_set(key, 0..40)
}

/// Without those that lie below another, which no directory can hold.
fn placed(root: &Path, keys: &BTreeSet<String>) -> Vec<String> {
    let below = |key: &&String| {
        !key.match_indices('/')
            .any(|(at, _)| keys.contains(&key[..at]))
    };
    let placed: Vec<String> = keys.iter().filter(below).cloned().collect();
    for key in &placed {
        let path = root.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    placed
}

fn listed(root: &Path, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let found = list(root, prefix, after, limit).unwrap();
    found.into_iter().map(|meta| meta.key).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_page_is_what_sorting_all_keys_gives(
        keys in keys(),
        prefix in prop_oneof![Just(String::new()), "a", "a/", "a/a", "[ab]/a[-.=]?", "b/"],
        after in prop::option::of(prop_oneof![
            "[ab]", "[ab]/", "[ab]/a[-.=]?", "a[-.=]", "[a-b]/[a-b]/[a-b]", "z", "-",
        ]),
        limit in 1_usize..12,
        empty in any::<bool>(),
    ) {
        let root = tempfile::tempdir().unwrap();
        let placed = placed(root.path(), &keys);
        for folder in ["a-empty", "a/empty/er"] {
            // It may lie below a file.
            if empty {
                drop(fs::create_dir_all(root.path().join(folder)));
            }
        }
        let wanted = |key: &&String| {
            key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *key > after)
        };
        let expected: Vec<String> = placed.iter().filter(wanted).cloned().collect();
        let page: Vec<String> = expected.iter().take(limit).cloned().collect();
        prop_assert_eq!(listed(root.path(), &prefix, after.as_deref(), limit), page);
        let mut all: Vec<String> = Vec::new();
        loop {
            let after = all.last().cloned().or_else(|| after.clone());
            let page = listed(root.path(), &prefix, after.as_deref(), limit);
            let last = page.len() < limit;
            all.extend(page);
            if last {
                break;
            }
        }
        prop_assert_eq!(all, expected);
    }
}

#[test]
fn files_in_the_making_and_what_has_no_key_are_hidden() {
    let root = tempfile::tempdir().unwrap();
    for name in ["object", "object#1", "object#x", "a b", "ä", ".hidden"] {
        fs::write(root.path().join(name), "xy").unwrap();
    }
    std::os::unix::fs::symlink("nowhere", root.path().join("broken")).unwrap();
    std::os::unix::fs::symlink("object", root.path().join("link")).unwrap();
    let found = list(root.path(), "", None, 9).unwrap();
    let keys: Vec<&str> = found.iter().map(|meta| meta.key.as_str()).collect();
    assert_eq!(keys, [".hidden", "link", "object"]);
    assert_eq!(found[2].size, 2);
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    let age = now.unwrap().as_millis() as u64 - found[2].modified_ms;
    assert!(age < 60_000, "{age}");
}

#[test]
fn a_folder_that_is_not_there_or_an_object_has_nothing_below_it() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("a"), "x").unwrap();
    for prefix in ["a/", "b/", "a/b/c"] {
        assert!(listed(root.path(), prefix, None, 9).is_empty());
    }
    assert!(list(root.path(), "../", None, 9).is_err());
}

/// A directory that is full of traps: whoever reads it fails, as root may read anything.
#[test]
fn what_lies_before_or_behind_a_page_is_not_read() {
    let root = tempfile::tempdir().unwrap();
    let loops = |name: &str| {
        let folder = root.path().join(name);
        fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink("itself", folder.join("itself")).unwrap();
    };
    loops("a");
    loops("z");
    fs::create_dir(root.path().join("m")).unwrap();
    for name in ["0", "1", "2"] {
        fs::write(root.path().join("m").join(name), "").unwrap();
    }
    assert!(list(root.path(), "", None, 1).is_err());
    assert_eq!(listed(root.path(), "", Some("a=/"), 2), ["m/0", "m/1"]);
    assert_eq!(listed(root.path(), "", Some("m/0"), 2), ["m/1", "m/2"]);
    assert!(list(root.path(), "", Some("m/0"), 3).is_err());
    assert_eq!(listed(root.path(), "m", None, 9), ["m/0", "m/1", "m/2"]);
}
