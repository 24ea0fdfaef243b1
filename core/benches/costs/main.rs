//! What requests cost in stores of a thousand, a hundred thousand and a million files: requests to
//! the storage, bytes, and time of the processor, on objects in memory. And what a store takes on
//! disk after many uploads, and an hour.

#![allow(clippy::unwrap_used)]

mod counting;
mod space;
mod store;
mod work;

fn main() {
    println!("| files | request | storage requests | KiB read | KiB written | CPU |");
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
                cost.cpu,
            );
        }
    }
    let space = space::measure(2_200);
    let times = |bytes: u64| bytes as f64 / space.live as f64;
    println!(
        "2,200 uploads of 100 KB: {} MiB are live; {:.2} times that is kept after the last one, \
         {:.2} times an hour later, in {} objects",
        space.live >> 20,
        times(space.after_uploads),
        times(space.after_an_hour),
        space.objects,
    );
}
