//! FAISS, in a process of its own that has nothing to lose: no credentials, no network, no files but
//! those that it is handed, a bound on its memory. It reads what others wrote, in native code; where
//! that kills it, the calls under way fail, and nothing else happens.
//!
//! The process is this program with a hidden command. It talks over a socket that is its standard
//! input: [`frame`] is how, [`protocol`] is what. Whoever needs FAISS has a [`Client`].

use std::sync::{Mutex, MutexGuard, PoisonError};

mod client;
mod frame;
mod index;
mod process;
mod protocol;
mod sandbox;
mod searcher;
#[cfg(test)]
mod tests;

pub use client::{Client, Limits};
pub use index::{Index, nearest};
pub use process::{COMMAND, run};
pub use protocol::{Facts, Failure, Kind, Metric};
pub use sandbox::{Confinement, limit_memory};
pub use searcher::{File, Rows, Searcher, Wanted};

/// What is behind these locks is whole at every moment, also where somebody panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
