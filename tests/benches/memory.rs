//! Prints what large documents and many uploads take: `cargo bench -p dayfly-tests --bench
//! memory`. With a number, that many megabytes instead of 200.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use dayfly_tests::peer::Naive;
use dayfly_tests::scenario::{
    Index, LargeDocument, Uploads, Way, large_document, many_uploads, uploads,
};
use dayfly_tests::{FakeEmbedder, Server};

fn main() {
    let megabytes = std::env::args().find_map(|argument| argument.parse().ok());
    let megabytes: u64 = megabytes.unwrap_or(200);
    println!(
        "document                 seconds  guest CPU s   chunks  guest peak MiB  host before MiB  host peak MiB"
    );
    for (bytes, way, index) in [
        (1_000_000, Way::Attached, Index::Default),
        (megabytes * 1_000_000, Way::Attached, Index::Scanned),
        (megabytes * 1_000_000, Way::Attached, Index::Default),
        (1_000_000, Way::Uploaded, Index::Default),
        (megabytes * 250_000, Way::Uploaded, Index::Default),
    ] {
        let figures = large_document(bytes, way, index);
        row(
            &format!("{:>4} MB {way:?} {index:?}", bytes / 1_000_000),
            &figures,
        );
    }
    let many = many_uploads(Path::new(env!("CARGO_BIN_EXE_hostile-host")), 20);
    let resident: Vec<String> = many.resident.iter().map(|bytes| mib(*bytes)).collect();
    println!(
        "\n2,000 uploads of 3 KB, 200 traps, 100 memory kills: {:?}",
        many.took
    );
    println!("host MiB after each hundred: {}", resident.join(" "));
    println!(
        "open files after the first hundred and the last: {:?}",
        many.open_files
    );
    compare();
}

/// The same thousand uploads of 100 KB to Dayfly and to the handler that it replaces.
fn compare() {
    println!("\n1,000 uploads of 100 KB     CPU ms an upload   resident MiB after each hundred");
    let embedder = FakeEmbedder::start();
    let server = Server::start(&embedder);
    line("dayfly", &uploads(&server.client(), server.pid(), 10));
    drop(server);
    let naive = Naive::start(&embedder);
    line(
        "LangChain and FAISS",
        &uploads(&naive.client(), naive.pid(), 10),
    );
}

fn line(name: &str, figures: &Uploads) {
    let resident: Vec<String> = figures.resident.iter().map(|bytes| mib(*bytes)).collect();
    println!(
        "{name:<27} {:>16.1}   {}",
        figures.cpu.as_secs_f64() * 1e3,
        resident.join(" ")
    );
}

fn row(document: &str, figures: &LargeDocument) {
    println!(
        "{document:<24} {:>7.1} {:>12.1} {:>8} {:>15} {:>16} {:>14}",
        figures.took.as_secs_f64(),
        figures.guest_cpu.as_secs_f64(),
        figures.chunks,
        mib(figures.guest_peak),
        mib(figures.host_before),
        mib(figures.host_peak),
    );
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
