mod life;
mod races;

use std::cell::Cell;

use super::*;
use crate::home::Home;
use crate::objects::Objects;
use crate::platform::Platform;
use crate::search::{BaseIndex, Search, search};
use crate::segment::Query;
use crate::store::{self, Indexing, StoreError, current, existing, live_in_base, live_rows};
use crate::testing::{self, Maker, Rows, Stored, Tenant, check, keys, make, worker};

const STORE: &str = "vs_test";
const DIMENSION: usize = 8;

fn store() -> (Tenant, Home) {
    let tenant = Tenant::default();
    let home = make(tenant.platform(), STORE);
    (tenant, home)
}

/// A vector of its own for each text.
fn vector(text: &str) -> Vec<f32> {
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..DIMENSION)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        })
        .collect()
}

/// Ingests a file of so many rows, whose texts say the file, the ingestion and the row.
fn add(platform: Platform<'_>, home: &Home, file_id: &str, ingest_id: &str, rows: u32) {
    let row = |chunk| {
        let text = format!("{file_id} {ingest_id} {chunk}");
        let vector = vector(&text);
        (text, vector)
    };
    let rows: Rows = (0..rows).map(row).collect();
    testing::add(platform, home, file_id, ingest_id, &rows).unwrap();
}

fn take_out(platform: Platform<'_>, home: &Home, file_id: &str) {
    assert!(store::take_out(platform, home, file_id).unwrap());
}

fn compact(platform: Platform<'_>) -> bool {
    let indexing = Indexing {
        graph_min_rows: u32::MAX,
        segment_max_rows: 1_000,
    };
    store::compact(platform, STORE, &worker("c", "1"), indexing, false).unwrap()
}

fn order() -> Order {
    Order {
        rows_per_segment: 50,
        ..Order::new(STORE, worker("a", "1"), 1 << 30)
    }
}

fn run(platform: Platform<'_>, maker: &Maker<'_>) -> Result<Outcome, RebuildError> {
    rebuild(platform, &order(), maker, &mut |_| {})
}

fn built(platform: Platform<'_>, maker: &Maker<'_>) -> store::IndexRef {
    match run(platform, maker).unwrap() {
        Outcome::Built(index) => index,
        Outcome::Empty => panic!("not built"),
    }
}

/// What a search for a text finds first, by the native index or without it.
fn found(platform: Platform<'_>, text: &str, natively: bool) -> Vec<String> {
    let manifest = existing(platform, STORE).unwrap();
    let stored = Stored::of(platform.objects, &manifest);
    let stored = stored.as_ref().filter(|_| natively);
    let wanted = Search {
        queries: &[Query::new(&vector(text)).unwrap()],
        limit: 10,
        threshold: 0.0,
        filter: None,
        base: stored.map(|stored| stored as &dyn BaseIndex<StoreError>),
    };
    let results = search(platform, &manifest, &wanted).unwrap();
    results.into_iter().map(|found| found.row.text).collect()
}

fn rows(platform: Platform<'_>) -> u64 {
    existing(platform, STORE).unwrap().totals.rows
}

fn base_objects(tenant: &Tenant, home: &Home) -> Vec<String> {
    keys(&tenant.objects, &home.key("base/"))
}
