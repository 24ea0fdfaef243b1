//! How long each part of a long command took.

use std::fmt;
use std::time::{Duration, Instant};

/// The parts so far, in the order in which they ended.
#[derive(Debug, Default)]
pub struct Times(Vec<(&'static str, Duration)>);

impl Times {
    /// Does `part`, and notes how long it took.
    pub fn of<T>(&mut self, name: &'static str, part: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let done = part();
        self.0.push((name, begin.elapsed()));
        done
    }
}

impl fmt::Display for Times {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, time)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(out, "{separator}{name} {} s", time.as_secs())?;
        }
        Ok(())
    }
}
