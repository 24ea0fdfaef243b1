//! What fuzzers feed the code that reads untrusted bytes, and what they hold it to.
//!
//! A [`Target`] takes any bytes and panics where a promise is broken: that nothing panics, that
//! memory stays within a bound, and whatever else can be told cheaply. `cargo xtask fuzz` runs
//! them in libFuzzer, which learns from the code's coverage; seeds are in `seeds/`, one folder for
//! each target, made by `cargo xtask fuzz --seeds`.

// A panic is what a target answers with.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod clock;
mod input;
mod memory;
mod run;
mod seed;
mod targets;
#[cfg(test)]
mod tests;

pub use input::Input;
pub use run::{choose, run_chosen};
pub use seed::Seed;
pub use targets::TARGETS;

/// Code that reads untrusted bytes, and what is promised of it.
#[derive(Debug)]
pub struct Target {
    /// As on the command line and in the folder of seeds.
    pub name: &'static str,
    /// Panics where a promise is broken.
    pub run: fn(&[u8]),
    /// The most memory that a run may take, in bytes; 0 where it is not looked at.
    pub most_bytes: usize,
    /// Where a fuzzer begins.
    pub seeds: fn() -> Vec<Seed>,
}

impl Target {
    /// Runs it within its bound of memory: past that, the program aborts where it allocates.
    pub fn check(&self, input: &[u8]) {
        match self.most_bytes {
            0 => (self.run)(input),
            most => memory::within(most, || (self.run)(input)),
        }
    }
}
