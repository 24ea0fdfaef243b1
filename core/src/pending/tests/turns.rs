//! Threads that take turns at the objects, in an order that a seed decides.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};

use crate::objects::{MemoryObjects, ObjectError, ObjectMeta, ObjectWriter, Objects, Part};

/// Decides whose turn it is once every thread waits for one, so that a seed gives one order.
#[derive(Clone)]
pub struct Turns {
    shared: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    seed: u64,
    /// By thread: whether it waits.
    threads: BTreeMap<usize, bool>,
    turn: Option<usize>,
    expected: usize,
}

impl Turns {
    /// Turns of `threads` threads.
    pub fn new(seed: u64, threads: usize) -> Self {
        let state = State {
            seed: seed | 1,
            threads: BTreeMap::new(),
            turn: None,
            expected: threads,
        };
        Self {
            shared: Arc::new((Mutex::new(state), Condvar::new())),
        }
    }

    /// The objects as thread `name` sees them, until it is dropped; `check` sees them after each
    /// change, while nobody else has a turn.
    pub fn objects(
        &self,
        name: usize,
        inner: &MemoryObjects,
        check: fn(&MemoryObjects),
    ) -> TurnObjects {
        let (state, _) = &*self.shared;
        state.lock().unwrap().threads.insert(name, false);
        TurnObjects {
            name,
            turns: self.clone(),
            inner: inner.clone(),
            check,
        }
    }

    fn wait(&self, name: usize) {
        let (state, changed) = &*self.shared;
        let mut state = state.lock().unwrap();
        state.threads.insert(name, true);
        state.choose();
        changed.notify_all();
        while state.turn != Some(name) {
            state = changed.wait(state).unwrap();
        }
        state.turn = None;
        state.threads.insert(name, false);
    }

    fn leave(&self, name: usize) {
        let (state, changed) = &*self.shared;
        let mut state = state.lock().unwrap();
        state.threads.remove(&name);
        state.expected -= 1;
        state.choose();
        changed.notify_all();
    }
}

impl State {
    fn choose(&mut self) {
        let all_wait = self.threads.len() == self.expected && self.threads.values().all(|w| *w);
        if !all_wait || self.turn.is_some() || self.threads.is_empty() {
            return;
        }
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let number = (self.seed >> 20) as usize % self.threads.len();
        self.turn = self.threads.keys().nth(number).copied();
    }
}

/// Objects each use of which waits for its thread's turn.
pub struct TurnObjects {
    name: usize,
    turns: Turns,
    inner: MemoryObjects,
    check: fn(&MemoryObjects),
}

impl TurnObjects {
    fn change<T>(&self, change: impl FnOnce(&MemoryObjects) -> T) -> T {
        self.turns.wait(self.name);
        let done = change(&self.inner);
        (self.check)(&self.inner);
        done
    }
}

impl Drop for TurnObjects {
    fn drop(&mut self) {
        self.turns.leave(self.name);
    }
}

impl Objects for TurnObjects {
    fn get(&self, key: &str) -> Result<Vec<u8>, ObjectError> {
        self.turns.wait(self.name);
        self.inner.get(key)
    }
    fn get_range(&self, key: &str, range: Range<u64>) -> Result<Vec<u8>, ObjectError> {
        self.turns.wait(self.name);
        self.inner.get_range(key, range)
    }
    fn get_many(&self, parts: &[Part]) -> Vec<Result<Vec<u8>, ObjectError>> {
        self.turns.wait(self.name);
        self.inner.get_many(parts)
    }
    fn head(&self, key: &str) -> Result<ObjectMeta, ObjectError> {
        self.turns.wait(self.name);
        self.inner.head(key)
    }
    fn put(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.change(|inner| inner.put(key, data))
    }
    fn put_new(&self, key: &str, data: &[u8]) -> Result<(), ObjectError> {
        self.change(|inner| inner.put_new(key, data))
    }
    fn list(
        &self,
        prefix: &str,
        start_after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ObjectMeta>, ObjectError> {
        self.turns.wait(self.name);
        self.inner.list(prefix, start_after, limit)
    }
    fn folders(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.turns.wait(self.name);
        self.inner.folders(prefix)
    }
    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        self.change(|inner| inner.delete(key))
    }
    fn create(&self, key: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        self.inner.create(key)
    }
}
