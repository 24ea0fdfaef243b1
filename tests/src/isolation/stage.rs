//! How an attack is set up and measured.

use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{Attack, Ground, Tally};

/// Setting an attack up takes seconds at most.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of an attack there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Enough to fail where nothing stands against it; it stands still while it is looked at.
    Test,
    /// As it was found, again and again.
    Bench,
}

/// What an attack and those who look at it know of each other.
pub struct Stage {
    scale: Scale,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_under_way: bool,
    is_over: bool,
    has_ended: bool,
}

impl Stage {
    /// For one attack.
    pub fn new(scale: Scale) -> Self {
        Self {
            scale,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// How many there are of something.
    pub fn size(&self, test: usize, bench: usize) -> usize {
        match self.scale {
            Scale::Test => test,
            Scale::Bench => bench,
        }
    }

    /// Says that everything stands.
    pub fn under_way(&self) {
        self.change(|state| state.is_under_way = true);
    }

    /// Whether the attack is to end.
    pub fn is_over(&self) -> bool {
        self.state.lock().unwrap().is_over
    }

    /// Waits until the attack is to end.
    pub fn until_over(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !state.is_over));
    }

    /// Stands still at its worst while a test looks; the benchmark does not wait.
    pub fn stand(&self) {
        if self.scale == Scale::Test {
            self.until_over();
        }
    }

    /// Waits for at most `pause`, and no longer than the attack goes on.
    pub fn rest(&self, pause: Duration) {
        let state = self.state.lock().unwrap();
        let rested = self
            .changed
            .wait_timeout_while(state, pause, |state| !state.is_over);
        drop(rested);
    }

    /// Attacks while `look` looks, which begins when the attack is under way and ends it.
    ///
    /// # Panics
    /// When the attack panics, or does not get under way.
    pub fn run<T>(&self, attack: &Attack, ground: &Ground, look: impl FnOnce() -> T) -> (T, Tally) {
        thread::scope(|scope| {
            let running = scope.spawn(|| {
                let _ending = Finally(|| self.change(|state| state.has_ended = true));
                (attack.run)(ground, self)
            });
            let seen = {
                let _over = Finally(|| self.change(|state| state.is_over = true));
                self.until_under_way(attack.name);
                look()
            };
            (seen, running.join().unwrap())
        })
    }

    fn until_under_way(&self, name: &str) {
        let end = Instant::now() + PATIENCE;
        let mut state = self.state.lock().unwrap();
        while !state.is_under_way {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{name} did not get under way");
            assert!(!state.has_ended, "{name} ended before it was under way");
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        // Also on the way out of a panic.
        let state = self.state.lock();
        change(&mut state.unwrap_or_else(std::sync::PoisonError::into_inner));
        self.changed.notify_all();
    }
}

/// Does something wherever its scope ends.
struct Finally<F: Fn()>(F);

impl<F: Fn()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
