//! Memory does not depend on the size of a document or on the number of uploads.
//!
//! A program of its own, so that nothing else runs beside it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use dayfly_tests::plain_host::{PlainHost, composed, manifest, spin_host, variables};
use dayfly_tests::s3::Bucket;
use dayfly_tests::scenario::{Index, Way, large_document, many_uploads};
use dayfly_tests::text::Prose;
use dayfly_tests::{FakeEmbedder, wait};
use serde_json::json;

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

/// Akamai's managed Spin: 128 MiB of memory, 30 s for a request, bodies of 10 MiB.
#[test]
fn a_managed_spin_takes_documents_far_beyond_its_limits() {
    const DOCUMENT: u64 = 40_000_000;
    let embedder = FakeEmbedder::start();
    let bucket = Bucket::new();
    let mut variables = variables(&bucket, &embedder);
    // Shorter than the default, so that a document of this size takes several steps here.
    variables.push(("ingestion_step_ms", "2000".to_owned()));
    let mut command = spin_host(&manifest(), &composed(""), &variables);
    command.args(["--memory-mib", "128", "--timeout-ms", "30000"]);
    command.args(["--body-mib", "10"]);
    let host = PlainHost::start(command);
    let client = host.client();
    let whole = client.post_file("whole.txt", &vec![b'a'; 11 << 20]);
    assert_eq!(whole.status, 413, "{}", whole.text());

    let prose = Prose::new(42, DOCUMENT);
    let file = client.upload_in_parts("large.txt", prose, DOCUMENT, 8 << 20);
    let store = client.create_store("large");
    client.attach(&store, &file, &json!({}));
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    wait::until_within(Duration::from_secs(600), "the document", || {
        (client.get(&path).ok()["status"] != "in_progress").then_some(())
    });
    client.completed(&store, &file);
    // Each step ends with a segment; in one go there would be two, the first of 24,576 rows.
    let keys = bucket.keys().into_iter();
    let segments = keys.filter(|key| key.ends_with(".arrow")).count();
    println!("{segments} segments");
    assert!(segments > 2, "so few steps that none was tried: {segments}");

    let passage: String = Prose::text(42, 1_000).chars().take(800).collect();
    let best = &client.find(&store, &passage)[0];
    assert!(best.score > 0.5, "{best:?}");
}
