//! How many rounds of reads a search takes: over a network they are most of its time.

use std::cell::Cell;

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

/// What a search finds, and in how many rounds of reads.
fn searched(tenant: &Tenant) -> (usize, usize) {
    let newest = existing(tenant.platform(), STORE).unwrap();
    let rounds = Cell::new(0);
    let counted = Hooked::new(&tenant.objects).before(|call| {
        assert_eq!(call.op, Op::Get);
        rounds.set(rounds.get() + 1);
        Ok(())
    });
    let wanted: Search<'_, StoreError> = Search {
        queries: &[Query::new(&[1.0, 0.5, 0.25, 0.1]).unwrap()],
        limit: 10,
        threshold: 0.0,
        filter: None,
        base: None,
    };
    let found = search(tenant.through(&counted), &newest, &wanted).unwrap();
    (found.len(), rounds.get())
}

#[test]
fn a_small_store_is_searched_in_two_rounds() {
    // All that is looked through; the entries of the files.
    assert_eq!(searched(&store(100, 8)), (10, 2));
}

#[test]
fn a_large_store_is_searched_in_five_rounds() {
    // Tails and roots; codes; vectors; heads; texts with the entries of the files.
    assert_eq!(searched(&store(100, 1_000)), (10, 5));
}
