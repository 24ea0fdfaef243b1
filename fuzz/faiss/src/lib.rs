//! FAISS's files through the list of what is let in: a crafted one is refused, or can be searched.
//!
//! C++ is not instrumented in the usual build, so a fuzzer learns from what is said of a file. What
//! reads where nothing is shows with `cargo xtask fuzz faiss --sanitize`.

// A panic is what a target answers with.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod seeds;
mod told;

use std::fs::File;
use std::io::{Cursor, Write};

use dayfly_faiss::{Error, Hit, Index, Parameters, SearchOptions, Selector};
use dayfly_fuzz::{Input, Target};
use rustix::fs::{MemfdFlags, memfd_create};

/// All that need FAISS.
pub const TARGETS: &[Target] = &[Target {
    name: "faiss",
    run,
    // It is C++ that takes it.
    most_bytes: 0,
    seeds: seeds::all,
}];

/// A query of more components is never asked: a store's are of its model.
const LARGEST_DIMENSION: u32 = 4_096;
/// Rows that are given back.
const RECONSTRUCTED: u64 = 8;

fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let how = How::of(&mut input);
    let file = input.rest();
    let mapped = mapped(file);
    told::outcome(&mapped);
    let whole = Index::read(&mut Cursor::new(file));
    told::outcome(&whole);
    let Ok(whole) = whole else {
        // What only its links are wrong of may be mapped, after its checksum was looked at.
        return;
    };
    let found = how.search(&whole);
    if let Ok(mapped) = &mapped {
        assert_eq!(how.search(mapped), found);
    }
    let mut written = Vec::new();
    whole.write(&mut written).unwrap();
    let again = Index::read(&mut Cursor::new(written)).unwrap();
    assert_eq!(how.search(&again), found);
}

/// The file as it is opened for searches.
fn mapped(bytes: &[u8]) -> Result<Index, Error> {
    let mut file = File::from(memfd_create("index", MemfdFlags::CLOEXEC).unwrap());
    file.write_all(bytes).unwrap();
    Index::map_file(&file)
}

/// How to search.
struct How {
    k: usize,
    parameters: Parameters,
    is_exhaustive: bool,
    /// The rows that may be found.
    within: Option<std::ops::Range<u64>>,
}

/// What a search finds: rows, and the bits of their scores, as these may be no numbers.
type Found = Option<Vec<Vec<(u64, u32)>>>;

impl How {
    fn of(input: &mut Input<'_>) -> Self {
        let (k, nprobe, ef_search, flags) = (input.u8(), input.u8(), input.u8(), input.u8());
        let given = |number: u8| (number > 0).then_some(number.into());
        let first = u64::from(flags >> 2);
        Self {
            k: k.into(),
            parameters: Parameters {
                nprobe: given(nprobe),
                ef_search: given(ef_search),
            },
            is_exhaustive: flags & 1 != 0,
            within: (flags & 2 != 0).then_some(first..first + 9),
        }
    }

    /// Searches, and gives rows back; the rows are some that there are and that were wanted.
    fn search(&self, index: &Index) -> Found {
        told::facts(index);
        let (rows, dimension) = (index.rows(), index.dimension());
        if dimension > LARGEST_DIMENSION {
            return None;
        }
        let mut vectors = Vec::new();
        let _ = index.reconstruct(0..rows.min(RECONSTRUCTED), &mut vectors);
        let selector = self
            .within
            .clone()
            .map(|within| Selector::from_ranges(&[within], rows));
        let options = SearchOptions {
            parameters: self.parameters,
            selector: selector.as_ref(),
            exhaustive: self.is_exhaustive,
            threads: 1,
        };
        let queries = seeds::vectors(2, dimension);
        let found = index.search(&queries, self.k, &options).ok()?;
        assert_eq!(found.len(), 2);
        let told = found.iter().map(|hits| {
            assert!(hits.len() <= self.k);
            hits.iter().map(|hit| self.told(hit, rows)).collect()
        });
        Some(told.collect())
    }

    fn told(&self, hit: &Hit, rows: u64) -> (u64, u32) {
        assert!(hit.row < rows);
        assert!(
            self.within
                .as_ref()
                .is_none_or(|within| within.contains(&hit.row))
        );
        (hit.row, hit.score.to_bits())
    }
}
