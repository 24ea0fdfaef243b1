//! Prints what large documents and many uploads take: `cargo bench -p dayfly-tests --bench
//! memory`. With `-- documents`, `-- uploads` or `-- flat`, that part alone. Only when it is asked for, as
//! it takes long:
//!
//! - `-- long`: the long run, a part of 10,000 uploads, or of as many as are said (`-- long 250000`), whose
//!   figures are added to those of earlier parts in `target/endurance/long.csv`;
//! - `-- compare`: 2,000 uploads of 100 KB beside the handler that Dayfly replaces, as it is and as it is
//!   mended, and a picture of both runs, `target/endurance/memory.svg`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod compare;
mod long;

use std::path::{Path, PathBuf};

use dayfly_tests::binary;
use dayfly_tests::scenario::{
    Index, LargeDocument, Way, large_document, many_uploads, uploads_at_once,
};
use dayfly_tests::slope::{Slope, slope};

fn main() {
    let parts: [(&str, fn()); 3] = [("documents", documents), ("uploads", many), ("flat", flat)];
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.iter().any(|argument| argument == name);
    if is_wanted("long") {
        let said = wanted.iter().find_map(|argument| argument.parse().ok());
        return long::run(said.unwrap_or(10_000));
    }
    if is_wanted("compare") {
        return compare::run();
    }
    let all = !parts.iter().any(|(name, _)| is_wanted(name));
    for (name, part) in parts {
        if all || is_wanted(name) {
            part();
        }
    }
}

/// Whether resident memory grows once the first uploads have passed.
fn flat() {
    for (hundreds, bytes) in [(100, 3_000), (30, 100_000)] {
        let resident = uploads_at_once(4, hundreds, bytes);
        let mib: Vec<f64> = resident.iter().map(|bytes| mib_of(*bytes)).collect();
        let steady = &mib[mib.len() / 4..];
        let Slope { per_sample, within } = slope(steady);
        println!(
            "\n{hundreds}00 uploads of {bytes} bytes by 4 clients: at most {:.1} MiB, and after the first \
             quarter {:+.0} ± {:.0} bytes an upload\nMiB after each hundred: {}",
            mib.iter().copied().fold(0.0, f64::max),
            per_sample * f64::from(1 << 20) / 100.0,
            within * f64::from(1 << 20) / 100.0,
            row_of(&resident)
        );
    }
}

fn documents() {
    println!(
        "\ndocument                 seconds  guest CPU s   chunks  guest peak MiB  host before MiB  host peak MiB"
    );
    for (megabytes, way, index) in [
        (1, Way::Attached, Index::Default),
        (200, Way::Attached, Index::Default),
        (500, Way::Attached, Index::Default),
        (200, Way::Attached, Index::Graphs),
        (1, Way::Uploaded, Index::Default),
        (50, Way::Uploaded, Index::Default),
    ] {
        let figures = large_document(megabytes * 1_000_000, way, index);
        row(&format!("{megabytes:>4} MB {way:?} {index:?}"), &figures);
    }
}

fn many() {
    let figures = many_uploads(Path::new(env!("CARGO_BIN_EXE_hostile-host")), 20);
    println!(
        "\n2,000 uploads of 3 KB to ten stores, 200 traps, 100 memory kills: {:.1?}",
        figures.took
    );
    println!("host MiB after each hundred: {}", row_of(&figures.resident));
    println!(
        "open files after the first hundred and the last: {:?}",
        figures.open_files
    );
}

fn row_of(bytes: &[u64]) -> String {
    let texts: Vec<String> = bytes.iter().map(|bytes| mib(*bytes)).collect();
    texts.join(" ")
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

/// Where figures are kept that take long to get.
fn kept(name: &str) -> PathBuf {
    binary::target_directory().join("endurance").join(name)
}

fn mib(bytes: u64) -> String {
    format!("{:.1}", mib_of(bytes))
}

fn mib_of(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
