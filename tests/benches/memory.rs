//! Prints what large documents and many uploads take: `cargo bench -p dayfly-tests --bench
//! memory`. With a number, that many megabytes instead of 200.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use dayfly_tests::scenario::{LargeDocument, Way, large_document, many_uploads};

fn main() {
    let megabytes = std::env::args().find_map(|argument| argument.parse().ok());
    let megabytes: u64 = megabytes.unwrap_or(200);
    println!("document        seconds   chunks  guest peak MiB  host before MiB  host peak MiB");
    for (bytes, way) in [
        (1_000_000, Way::Attached),
        (megabytes * 1_000_000, Way::Attached),
        (1_000_000, Way::Uploaded),
        (megabytes * 250_000, Way::Uploaded),
    ] {
        row(bytes, way, &large_document(bytes, way));
    }
    let many = many_uploads(Path::new(env!("CARGO_BIN_EXE_hostile-host")), 10);
    let resident: Vec<String> = many.resident.iter().map(|bytes| mib(*bytes)).collect();
    println!("\n1000 uploads of 3 KB, 100 traps, 50 memory kills: {:?}", many.took);
    println!("host MiB after each hundred: {}", resident.join(" "));
    println!("open files after the first hundred and the last: {:?}", many.open_files);
}

fn row(bytes: u64, way: Way, figures: &LargeDocument) {
    println!(
        "{:>4} MB {:<8} {:>7.1} {:>8} {:>15} {:>16} {:>14}",
        bytes / 1_000_000,
        format!("{way:?}"),
        figures.took.as_secs_f64(),
        figures.chunks,
        mib(figures.guest_peak),
        mib(figures.host_before),
        mib(figures.host_peak),
    );
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
