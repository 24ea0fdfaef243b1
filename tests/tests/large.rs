//! Memory does not depend on the size of a document or on the number of uploads.
//!
//! A program of its own, so that nothing else runs beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use dayfly_tests::scenario::{Index, Way, large_document, many_uploads};

const MIB: u64 = 1 << 20;

/// What a guest may use for a document of any size.
const GUEST_LIMIT: u64 = 64 * MIB;

#[test]
fn a_document_of_200_mb_is_ingested_in_little_memory() {
    let figures = large_document(200_000_000, Way::Attached, Index::Default);
    println!("{figures:?}");
    assert!(figures.chunks > 200_000, "{figures:?}");
    assert!(figures.guest_peak < GUEST_LIMIT, "{figures:?}");
    assert!(
        figures.host_peak < figures.host_before + 256 * MIB,
        "{figures:?}"
    );
}

#[test]
fn a_graph_is_built_in_little_memory() {
    // Enough for one segment of the largest size, on whose size alone the memory depends.
    let figures = large_document(20_000_000, Way::Attached, Index::Graphs);
    println!("{figures:?}");
    assert!(figures.chunks > 24_576, "{figures:?}");
    assert!(figures.guest_peak < GUEST_LIMIT, "{figures:?}");
}

#[test]
fn an_upload_of_50_mb_is_ingested_in_little_memory() {
    let figures = large_document(50_000_000, Way::Uploaded, Index::Default);
    println!("{figures:?}");
    assert!(figures.chunks > 50_000, "{figures:?}");
    assert!(figures.guest_peak < GUEST_LIMIT, "{figures:?}");
    assert!(
        figures.host_peak < figures.host_before + 256 * MIB,
        "{figures:?}"
    );
}

#[test]
fn a_thousand_uploads_leave_the_hosts_memory_where_it_was() {
    let figures = many_uploads(Path::new(env!("CARGO_BIN_EXE_hostile-host")), 10);
    println!("{figures:?}");
    let first = figures.resident[0];
    let last = figures.resident[9];
    assert!(last < first + first / 10 + 8 * MIB, "{figures:?}");
    assert!(
        figures.open_files.1 <= figures.open_files.0 + 8,
        "{figures:?}"
    );
    assert_eq!(figures.traps, 100.0);
    assert_eq!(figures.memory_kills, 50.0);
}
