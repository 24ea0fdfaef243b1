mod commit;
mod compaction;
mod garbage;
mod history;
mod legacy;
mod model;
mod removal;

use crate::home::Home;
use crate::objects::Objects;
use crate::platform::Platform;
use crate::store::{Indexing, Manifest, StoreError, compact, current, existing, tidy};
use crate::testing::{Rows, Tenant, add, check, first, make, worker};

const STORE: &str = "vs_test";
const DIMENSION: usize = 4;

const INDEXING: Indexing = Indexing {
    graph_min_rows: u32::MAX,
    segment_max_rows: 1_000,
};

fn store() -> (Tenant, Home) {
    let tenant = Tenant::default();
    let home = make(tenant.platform(), STORE);
    (tenant, home)
}

fn rows(text: &str, vectors: &[[f32; DIMENSION]]) -> Rows {
    let numbered = vectors.iter().enumerate();
    numbered
        .map(|(number, vector)| (format!("{text} {number}"), vector.to_vec()))
        .collect()
}

fn one(text: &str) -> Rows {
    rows(text, &[[1.0, 0.0, 0.0, 1.0]])
}

/// Ingests files as requests do, but for what follows their answers.
fn add_many(platform: Platform<'_>, home: &Home, prefix: &str, count: usize) {
    for number in 0..count {
        let file = format!("file-{prefix}{number:03}");
        let ingest = format!("{prefix}{number}");
        add(platform, home, &file, &ingest, &one(&ingest)).unwrap();
    }
}

/// Ingests a file whose commit comes late.
fn add_late(platform: Platform<'_>, home: &Home) -> Result<Manifest, StoreError> {
    add(platform, home, "file-late", "late", &one("late"))
}

fn compact_once(platform: Platform<'_>) -> bool {
    compact(platform, STORE, &worker("a", "1"), INDEXING, false).unwrap()
}

fn compact_all(platform: Platform<'_>) {
    while compact_once(platform) {}
}

fn files(tenant: &Tenant) -> Vec<String> {
    let manifest = existing(tenant.platform(), STORE).unwrap();
    let all = crate::testing::files(tenant.platform(), &manifest);
    all.into_iter().map(|file| file.file_id).collect()
}

fn newest(tenant: &Tenant) -> Manifest {
    existing(tenant.platform(), STORE).unwrap()
}
