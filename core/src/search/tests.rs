//! How many rounds of reads a search takes: over a network they are most of its time.

use std::cell::RefCell;

use serde_json::json;

use super::*;
use crate::store::{Indexing, compact, existing, take_out};
use crate::testing::{Hooked, Op, Rows, Tenant, add, make, worker};

const STORE: &str = "vs_test";

/// A store of so many files of 40 rows each, with texts of so many bytes, compacted, and then one file less.
fn store(files: usize, text_bytes: usize) -> Tenant {
    let tenant = Tenant::default();
    let platform = tenant.platform();
    let home = make(platform, STORE);
    let text = "x".repeat(text_bytes);
    for file in 0..files {
        let rows: Rows = (0..40)
            .map(|row| {
                let angle = (file * 40 + row) as f32;
                (text.clone(), vec![angle.sin(), angle.cos(), 0.5, 0.1])
            })
            .collect();
        add(
            platform,
            &home,
            &format!("file-{file:03}"),
            &format!("i{file}"),
            &rows,
        )
        .unwrap();
    }
    let indexing = Indexing {
        graph_min_rows: u32::MAX,
        segment_max_rows: 1_000,
    };
    while compact(platform, STORE, &worker("a", "1"), indexing, false).unwrap() {}
    assert!(take_out(platform, &home, "file-000").unwrap());
    tenant
}

/// How many rows a search finds, and what each of its rounds reads first. Storage may look through codes itself.
fn searched(tenant: &Tenant, filter: Option<&Filter>, looks: bool) -> (usize, Vec<String>) {
    let newest = existing(tenant.platform(), STORE).unwrap();
    let rounds = RefCell::default();
    let counted = Hooked::new(&tenant.objects).before(|call| {
        assert_eq!(call.op, Op::Get);
        let rounds: &RefCell<Vec<String>> = &rounds;
        rounds.borrow_mut().push(call.key.to_owned());
        Ok(())
    });
    let counted = if looks { counted.looking() } else { counted };
    let wanted: Search<'_, StoreError> = Search {
        queries: &[Query::new(&[1.0, 0.5, 0.25, 0.1]).unwrap()],
        limit: 10,
        threshold: 0.0,
        filter,
        base: None,
    };
    let found = search(tenant.through(&counted), &newest, &wanted).unwrap();
    let rounds = rounds.borrow().clone();
    (found.len(), rounds)
}

#[test]
fn a_small_store_is_searched_in_two_rounds() {
    let (found, rounds) = searched(&store(100, 8), None, false);
    // All that is looked through; the entries of the files.
    assert_eq!((found, rounds.len()), (10, 2), "{rounds:?}");
}

#[test]
fn a_large_store_is_searched_in_five_rounds() {
    let store = store(100, 1_000);
    // Tails and roots; codes; vectors; heads; texts with the entries of the files.
    let (found, rounds) = searched(&store, None, false);
    assert_eq!((found, rounds.len()), (10, 5), "{rounds:?}");
    // Without the codes.
    let (found, rounds) = searched(&store, None, true);
    assert_eq!((found, rounds.len()), (10, 4), "{rounds:?}");
}

#[test]
fn where_nothing_passes_a_filter_nothing_of_a_segment_is_read() {
    let filter = json!({"type": "eq", "key": "author", "value": "nobody"});
    let filter = Filter::parse(&filter).unwrap();
    let (found, rounds) = searched(&store(100, 1_000), Some(&filter), false);
    assert_eq!(found, 0);
    assert!(!rounds.is_empty());
    assert!(
        rounds.iter().all(|key| key.contains("/files/")),
        "{rounds:?}"
    );
}
