//! What requests cost in stores of a thousand, a hundred thousand and a million files: requests to
//! the storage, bytes, and time on objects in memory.

#![allow(clippy::unwrap_used)]

mod counting;
mod store;
mod work;

fn main() {
    println!("| files | request | storage requests | KiB read | KiB written | time |");
    println!("| --: | -- | --: | --: | --: | --: |");
    for files in [1_000, 100_000, 1_000_000] {
        for cost in work::measure(files) {
            let kib = |bytes: f64| bytes / 1_024.0;
            println!(
                "| {files} | {} | {:.1} | {:.1} | {:.1} | {:.2?} |",
                cost.what,
                cost.requests,
                kib(cost.read),
                kib(cost.written),
                cost.time,
            );
        }
    }
}
