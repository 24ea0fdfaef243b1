//! The long run.

use dayfly_tests::endurance::{self, Record};

use crate::{kept, mib};

/// Whether resident memory grows in a long run.
pub fn run(uploads: u64) {
    let path = kept("long.csv");
    let mut record = Record::open(&path);
    endurance::part(&mut record, uploads, |sample| {
        if sample.uploads % 10_000 == 0 {
            let rate = sample.uploads as f64 * 1e3 / sample.after_ms.max(1) as f64;
            let (uploads, resident) = (sample.uploads, mib(sample.resident));
            let anonymous = mib(sample.anonymous);
            println!(
                "{uploads:>8} uploads {resident:>6} MiB, {anonymous} of no file {rate:>5.0} a second"
            );
        }
    });
    println!(
        "\npart  uploads  MiB after 10,000  at most  at the end  of no file  bytes an upload after 10,000"
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
            "{:>4} {:>8} {:>17} {:>8} {:>11} {:>11}  {growth}",
            last.part,
            last.uploads,
            mib(first),
            mib(most.unwrap_or(0)),
            mib(last.resident),
            mib(last.anonymous)
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
