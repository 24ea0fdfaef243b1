//! A long run: small uploads without end, mixed with all that ends an instance, in parts whose figures
//! are kept.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use serde_json::json;

use crate::slope::{Slope, slope};
use crate::text::Prose;
use crate::{Client, FakeEmbedder, Server, binary, process, raw, wait};

/// Uploads between two looks at the memory.
pub const STEP: u64 = 1_000;
/// Uploads after which everything has been used often enough to have its size.
pub const WARM: u64 = 10_000;
/// Of each upload's text.
const BYTES: u64 = 3_000;
const CLIENTS: u64 = 4;
/// Of so many uploads, how many are beside a trap, an instance that fills its memory, and a connection
/// that is cut within its body.
const TRAPS: u64 = 20;
const KILLS: u64 = 50;
const CUTS: u64 = 20;
/// Neighbouring samples are alike: their means over so many stretches are less so.
const STRETCHES: usize = 20;

/// Memory after so many uploads of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Which run of the server.
    pub part: u64,
    /// Uploads since its start.
    pub uploads: u64,
    /// Its memory then.
    pub resident: u64,
    /// Of that, what is of no file.
    pub anonymous: u64,
    /// Milliseconds since its start.
    pub after_ms: u64,
}

/// The figures of all parts so far, in a file.
pub struct Record {
    path: PathBuf,
    samples: Vec<Sample>,
}

impl Record {
    /// That of a file, empty where there is none.
    ///
    /// # Panics
    /// When there is something else in it.
    pub fn open(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        Self {
            path: path.to_owned(),
            samples: text.lines().skip(1).map(read).collect(),
        }
    }

    /// All samples, in the order in which they were taken.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The number of the next part.
    pub fn next_part(&self) -> u64 {
        self.samples.last().map_or(1, |sample| sample.part + 1)
    }

    /// The parts, one after the other.
    pub fn parts(&self) -> Vec<&[Sample]> {
        self.samples.chunk_by(|a, b| a.part == b.part).collect()
    }

    /// Adds a sample, durably enough to outlive this process.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn add(&mut self, sample: Sample) {
        let mut lines = String::new();
        if self.samples.is_empty() {
            lines.push_str("part,uploads,resident_bytes,anonymous_bytes,after_ms\n");
        }
        let Sample {
            part,
            uploads,
            resident,
            anonymous,
            after_ms,
        } = sample;
        writeln!(lines, "{part},{uploads},{resident},{anonymous},{after_ms}").unwrap();
        fs::create_dir_all(self.path.parent().unwrap()).unwrap();
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(&self.path);
        file.unwrap().write_all(lines.as_bytes()).unwrap();
        self.samples.push(sample);
    }
}

fn read(line: &str) -> Sample {
    let numbers: Vec<u64> = line
        .split(',')
        .map(|number| number.parse().unwrap())
        .collect();
    Sample {
        part: numbers[0],
        uploads: numbers[1],
        resident: numbers[2],
        anonymous: numbers[3],
        after_ms: numbers[4],
    }
}

/// By how many bytes an upload makes the memory of a part grow once it is warm; `None` while there are
/// too few samples.
pub fn growth(part: &[Sample]) -> Option<Slope> {
    let warm: Vec<f64> = part
        .iter()
        .filter(|sample| sample.uploads >= WARM)
        .map(|sample| sample.resident as f64)
        .collect();
    let length = warm.len().div_ceil(STRETCHES).max(1);
    let stretches = warm.chunks_exact(length);
    let means: Vec<f64> = stretches
        .map(|stretch| stretch.iter().sum::<f64>() / length as f64)
        .collect();
    if means.len() < 3 {
        return None;
    }
    let found = slope(&means);
    let uploads = (length as u64 * STEP) as f64;
    Some(Slope {
        per_sample: found.per_sample / uploads,
        within: found.within / uploads,
    })
}

/// Uploads so many documents of 3 KB by four clients to a server at `program`, which has the hostile
/// guest in the place of the one for files, mixed with traps, instances that fill their memory and
/// connections that are cut; samples its memory after each thousand.
///
/// # Panics
/// When an upload fails, or anything ends otherwise than it must.
pub fn part(record: &mut Record, uploads: u64, mut sampled: impl FnMut(&Sample)) {
    let embedder = FakeEmbedder::start();
    let options = json!({"limits": {"memory_mib": 64}, "rebuild": {"min_rows": 0}});
    let server = Server::builder()
        .program(binary::hostile_host())
        .embedder(&embedder)
        .env("HOSTILE_OPTIONS", &options.to_string())
        .start();
    let (client, part, begun) = (server.client(), record.next_part(), Instant::now());
    for step in 0..uploads / STEP {
        let next = Mutex::new(step * STEP);
        thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| work(&client, &next, (step + 1) * STEP));
            }
        });
        wait::until("no instance to be left", || {
            (server.metrics().sum("dayfly_instances", &[]) == 0.0).then_some(())
        });
        let sample = Sample {
            part,
            uploads: (step + 1) * STEP,
            resident: server.resident_bytes(),
            anonymous: process::anonymous_bytes(server.pid()),
            after_ms: u64::try_from(begun.elapsed().as_millis()).unwrap(),
        };
        record.add(sample);
        sampled(&sample);
    }
}

fn work(client: &Client, next: &Mutex<u64>, end: u64) {
    loop {
        let number = {
            let mut next = next.lock().unwrap();
            let number = *next;
            *next += 1;
            number
        };
        if number >= end {
            return;
        }
        // No store grows for ever.
        let store = format!("store{}", number / 500);
        client.upload(&store, &Prose::text(number, BYTES));
        if number % TRAPS == 3 {
            client.get("/v1/files/trap").error(500);
        }
        if number % KILLS == 7 {
            client.get("/v1/files/memory").error(413);
        }
        if number % CUTS == 13 {
            cut(client, &store);
        }
    }
}

/// An upload whose connection ends in the middle.
fn cut(client: &Client, store: &str) {
    let mut stream = raw::connect(client.base());
    let head = format!(
        "POST /upload?store={store} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {BYTES}\r\n\r\n{{\"text\":\"half of it"
    );
    stream.write_all(head.as_bytes()).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(part: u64, resident: impl Fn(u64) -> u64) -> Vec<Sample> {
        let at = |n| Sample {
            part,
            uploads: n * STEP,
            resident: resident(n),
            anonymous: n,
            after_ms: n,
        };
        (1..=100).map(at).collect()
    }

    #[test]
    fn parts_are_kept_and_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/long.csv");
        let mut record = Record::open(&path);
        assert_eq!(record.next_part(), 1);
        for sample in samples(1, |_| 7).into_iter().chain(samples(2, |n| n)) {
            record.add(sample);
        }
        let again = Record::open(&path);
        assert_eq!(again.samples(), record.samples());
        assert_eq!((again.next_part(), again.parts().len()), (3, 2));
        assert_eq!(again.parts()[1], samples(2, |n| n));
    }

    #[test]
    fn growth_is_by_upload_and_what_warms_up_is_left_out() {
        let found = growth(&samples(
            1,
            |n| if n < 10 { n * 1_000_000 } else { n * 8_000 },
        ))
        .unwrap();
        assert!((found.per_sample - 8.0).abs() < 1e-9, "{found:?}");
        assert_eq!(growth(&samples(1, |n| n)[..11]), None);
    }
}
