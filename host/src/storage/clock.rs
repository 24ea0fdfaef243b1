//! The machine's time and chance, as `core` asks for them.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand;
use dayfly_core::platform::{Clock, Platform};

use super::Blocking;

/// The machine's time and chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        now_ms()
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        match rand::fill(&mut bytes) {
            Ok(()) => u64::from_ne_bytes(bytes),
            // What keys hash tables against hostile input is as hard to foresee.
            Err(_) => RandomState::new().hash_one(SystemTime::now()),
        }
    }

    fn pause(&self, milliseconds: u64) {
        std::thread::sleep(Duration::from_millis(milliseconds));
    }
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

impl Blocking {
    /// All that `core` asks for: these objects, and the machine's clock.
    pub fn platform(&self) -> Platform<'_> {
        Platform::new(self, &SystemClock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_does_not_repeat_itself_and_time_is_that_of_this_century() {
        let (first, second) = (SystemClock.random(), SystemClock.random());
        assert_ne!(first, second);
        assert!(SystemClock.now_ms() > 1_700_000_000_000);
    }
}
