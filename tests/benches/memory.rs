//! Prints what large documents and many uploads take: `cargo bench -p dayfly-tests --bench
//! memory`. With `-- documents`, `-- uploads`, `-- compare` or `-- flat`, that part alone. `-- long`
//! alone has the long run: a part of 10,000 uploads, or of as many as are said (`-- long 250000`),
//! whose figures are added to those of earlier parts in `target/endurance/long.csv`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use dayfly_tests::endurance::{self, Record};
use dayfly_tests::peer::Naive;
use dayfly_tests::scenario::{
    Index, LargeDocument, Uploads, Way, large_document, many_uploads, uploads, uploads_at_once,
};
use dayfly_tests::slope::{Slope, slope};
use dayfly_tests::{FakeEmbedder, Server, binary};

fn main() {
    let parts: [(&str, fn()); 4] = [
        ("documents", documents),
        ("uploads", many),
        ("compare", compare),
        ("flat", flat),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.iter().any(|argument| argument == name);
    if is_wanted("long") {
        let said = wanted.iter().find_map(|argument| argument.parse().ok());
        return long(said.unwrap_or(10_000));
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
        let mib: Vec<f64> = resident
            .iter()
            .map(|bytes| *bytes as f64 / f64::from(1 << 20))
            .collect();
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

/// Whether resident memory grows in a long run.
fn long(uploads: u64) {
    let path = binary::target_directory().join("endurance/long.csv");
    let mut record = Record::open(&path);
    endurance::part(&mut record, uploads, |sample| {
        if sample.uploads % 10_000 == 0 {
            let rate = sample.uploads as f64 * 1e3 / sample.after_ms.max(1) as f64;
            let (uploads, resident) = (sample.uploads, mib(sample.resident));
            println!("{uploads:>8} uploads {resident:>6} MiB {rate:>5.0} a second");
        }
    });
    println!(
        "\npart  uploads  MiB after 10,000  at most  at the end  bytes an upload after 10,000"
    );
    for part in record.parts() {
        let warm = part
            .iter()
            .filter(|sample| sample.uploads >= endurance::WARM);
        let first = warm.clone().next().map_or(0, |sample| sample.resident);
        let most = part.iter().map(|sample| sample.resident).max();
        let last = &part[part.len() - 1];
        let growth = endurance::growth(part).map_or_else(
            || "too few to tell".to_owned(),
            |found| format!("{:+.2} ± {:.2}", found.per_sample, found.within),
        );
        println!(
            "{:>4} {:>8} {:>17} {:>8} {:>11}  {growth}",
            last.part,
            last.uploads,
            mib(first),
            mib(most.unwrap_or(0)),
            mib(last.resident)
        );
    }
    let all: u64 = record
        .parts()
        .iter()
        .filter_map(|part| part.last())
        .map(|last| last.uploads)
        .sum();
    println!("{all} uploads in all; {}", path.display());
}

fn documents() {
    println!(
        "\ndocument                 seconds  guest CPU s   chunks  guest peak MiB  host before MiB  host peak MiB"
    );
    for (megabytes, way, index) in [
        (1, Way::Attached, Index::Default),
        (200, Way::Attached, Index::Default),
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

/// The same uploads of 100 KB to Dayfly and to the handler that it replaces.
fn compare() {
    const HUNDREDS: usize = 5;
    println!(
        "\n{}00 uploads of 100 KB      CPU ms an upload  p50 ms  max ms   resident MiB after each hundred",
        HUNDREDS
    );
    let embedder = FakeEmbedder::start();
    let server = Server::start(&embedder);
    line("dayfly", &uploads(&server.client(), server.pid(), HUNDREDS));
    drop(server);
    let naive = Naive::start(&embedder);
    let figures = uploads(&naive.client(), naive.pid(), HUNDREDS);
    line("LangChain and FAISS", &figures);
}

fn line(name: &str, figures: &Uploads) {
    println!(
        "{name:<26} {:>16.1} {:>7.0} {:>7.0}   {}",
        milliseconds(figures.cpu),
        milliseconds(figures.latency.0),
        milliseconds(figures.latency.1),
        row_of(&figures.resident)
    );
}

fn milliseconds(time: std::time::Duration) -> f64 {
    time.as_secs_f64() * 1e3
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

fn mib(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}
