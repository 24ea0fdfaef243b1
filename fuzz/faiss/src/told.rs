//! What is said of a file, as counters: libFuzzer keeps an input of which something new is said.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU8, Ordering};

use dayfly_faiss::{Error, Index};

const COUNTERS: usize = 1 << 12;

// SAFETY: what reads the section takes it for bytes.
#[expect(
    unsafe_code,
    reason = "a section of that name is where libFuzzer looks"
)]
#[used]
#[unsafe(link_section = "__libfuzzer_extra_counters")]
static TOLD: [AtomicU8; COUNTERS] = [const { AtomicU8::new(0) }; COUNTERS];

fn count(what: impl Hash) {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    TOLD[hasher.finish() as usize % COUNTERS].store(1, Ordering::Relaxed);
}

/// Whether it was opened, or why it was not.
pub fn outcome(opened: &Result<Index, Error>) {
    match opened {
        Ok(_) => count("opened"),
        // Numbers in it say nothing new.
        Err(error) => {
            let text = error.to_string();
            let words = text.split(|c: char| !c.is_alphabetic());
            count(words.filter(|word| !word.is_empty()).collect::<Vec<_>>());
        }
    }
}

/// What it is, roughly.
pub fn facts(index: &Index) {
    let size = u64::BITS - index.rows().leading_zeros();
    count((index.describe(), size, index.dimension().min(64)));
    count(format!("{:?} {:?}", index.kind(), index.metric()));
}
