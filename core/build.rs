//! Lays out the vocabulary of `cl100k_base` as a table that is searched where it lies.
//! `src/chunk/tokens/vocabulary.rs` reads it.
#![allow(
    clippy::disallowed_methods,
    reason = "it runs while `core` is built, and not in it"
)]

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

#[path = "src/chunk/tokens/hash.rs"]
mod hash;

const TOKENS: u32 = 100_256;
/// A power of two; two and a half for each token.
const SLOTS: usize = 1 << 18;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/chunk/tokens/hash.rs");
    let vocabulary = tiktoken_rs::cl100k_base()?;
    let mut bytes = Vec::new();
    let mut starts = 0u32.to_le_bytes().to_vec();
    let mut slots = vec![0u32; SLOTS];
    for rank in 0..TOKENS {
        let token = vocabulary.decode_bytes(&[rank])?;
        let mut place = hash::hash(&token) as usize % SLOTS;
        while slots[place] != 0 {
            place = (place + 1) % SLOTS;
        }
        slots[place] = rank + 1;
        bytes.extend_from_slice(&token);
        starts.extend_from_slice(&u32::try_from(bytes.len())?.to_le_bytes());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let slots: Vec<u8> = slots.iter().flat_map(|slot| slot.to_le_bytes()).collect();
    fs::write(out.join("cl100k_slots.bin"), slots)?;
    fs::write(out.join("cl100k_starts.bin"), starts)?;
    fs::write(out.join("cl100k_bytes.bin"), bytes)?;
    Ok(())
}
