//! FAISS behind a safe module: nearest neighbours in memory and in mapped files.
//!
//! Indexes are made from FAISS's factory strings, `Flat`, `SQ8`, `HNSW32,SQ8`, `IVF1024,SQ8` or
//! `OPQ48_192,IVF1024,PQ48` among them, and their files are FAISS's own: other programs read them
//! with `faiss.read_index`. FAISS is linked statically: the best variant of the instruction set for
//! the machine that built it or, by `DAYFLY_FAISS_VARIANTS=all`, all of them; [`cpu`] is the one in
//! use.
//!
//! FAISS computes in OpenMP's threads. Those belong to the thread that calls: [`set_threads`] says
//! how many there are for training, adding and [`nearest`]; a search says so itself, and takes no
//! thread but its caller's where it does not. Where two run at a time, `OMP_WAIT_POLICY=passive`
//! in the environment before the program starts saves processor time.
#![expect(unsafe_code, reason = "FAISS is C++: each call says why it is sound")]

mod bridge;
mod build;
mod cpu;
mod error;
mod files;
mod index;
mod nearest;
mod parameters;
mod search;
mod selector;
mod shape;

#[cfg(test)]
mod tests;

pub use cpu::{Cpu, cpu};
pub use error::{Error, Result};
pub use index::{Index, Kind, Metric};
pub use nearest::{nearest, set_threads};
pub use parameters::Parameters;
pub use search::{Hit, SearchOptions};
pub use selector::Selector;
